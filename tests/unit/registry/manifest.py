"""A release as our chart renders it, cut down to what is read of it."""

MANIFEST = """
apiVersion: v1
kind: Service
metadata:
  name: m-staging
  namespace: staging
spec:
  selector: {app.kubernetes.io/name: vllm-deployment, app.kubernetes.io/instance: m-staging}
  ports:
    - {name: http, port: 8000, targetPort: http, protocol: TCP}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: m-staging
  namespace: staging
  labels: {inference.vllm/revision: "a"}
  annotations: {inference.vllm/bundle: "sha256:aa"}
spec:
  replicas: 2
  template:
    metadata:
      labels: {inference.vllm/environment: staging}
    spec:
      containers:
        - name: vllm
          image: "vllm/vllm-openai:v0.11.0"
          command: [vllm, serve]
          args: [org/model, --served-model-name, m, other, --max-model-len=4096]
"""

"""A whole platform on one machine: a real Kubernetes control plane, a real PostgreSQL, and pods that run as processes. See lab/README.md."""

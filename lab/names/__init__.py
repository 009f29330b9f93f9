"""Service names for programs outside the cluster: an HTTP forward proxy that stands where cluster DNS and kube-proxy would."""

#!/bin/sh
# up.sh [COMMAND...]: a throw-away Kubernetes API server (RBAC, Kelos' kinds; no nodes, no controllers) for as long as
# COMMAND, or a shell, runs; KUBECONFIG and kubectl are set for it.
#
#   test/kube/up.sh
#   test/kube/up.sh kubectl apply --server-side -k deploy/
exec /usr/bin/python3 "$(dirname "$0")/cluster.py" "$@"

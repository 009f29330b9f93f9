"""The lab's process kubelet: pods of the lab's nodes run as local processes. See README.md beside this file."""

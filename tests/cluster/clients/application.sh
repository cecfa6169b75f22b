# The application of a pod, which by itself does nothing. As its `migrate`, an init container, it needs a name to be found.
if [ "$1" = migrate ]; then
  exec /usr/bin/getent hosts www.example.com
fi
exec /bin/busybox sleep infinity

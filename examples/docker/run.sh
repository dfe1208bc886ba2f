#!/bin/sh
# One run, from any scheduler on the node: what `docker run --rm certbot/certbot renew` did before. The folder holds the
# state; the image runs as user 10001, so it must belong to it once: `sudo chown 10001 ~/letsencrypt`.
exec docker run --rm --init -p 30080:80 -v ~/letsencrypt:/var/lib/certfleet certfleet renew --next-run 31d

# Builds certfleet, and puts it without its build tools into an image that runs as user 10001:
#
#   docker build --tag certfleet .
#
# To build from exactly the same base again, name its digest; `docker buildx imagetools inspect node:24-trixie-slim` shows it:
#
#   docker build --build-arg NODE_DIGEST=sha256:… --tag certfleet .

ARG NODE_IMAGE=node:24-trixie-slim
ARG NODE_DIGEST=

FROM ${NODE_IMAGE}${NODE_DIGEST:+@${NODE_DIGEST}} AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
# The build has all libraries in it, so the image needs no node_modules.
RUN npm pack --pack-destination /tmp \
  && mkdir /opt/certfleet \
  && tar --extract --gzip --file /tmp/certfleet-*.tgz --strip-components=1 --directory /opt/certfleet

FROM ${NODE_IMAGE}${NODE_DIGEST:+@${NODE_DIGEST}}
# A fixed number, so that `chown 10001` on the host is right for every version of the image.
RUN groupadd --gid 10001 certfleet \
  && useradd --uid 10001 --gid 10001 --home-dir /var/lib/certfleet --no-create-home --shell /usr/sbin/nologin certfleet \
  && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/certfleet /var/cache/certfleet \
  && install --directory --owner=10001 --group=10001 --mode=0755 /certs /etc/letsencrypt \
  && install --directory /etc/certfleet \
  && ln -s /opt/certfleet/dist/cli.cjs /usr/local/bin/certfleet
COPY --from=build /opt/certfleet /opt/certfleet
ENV NODE_ENV=production
# Not in the home folder, which is the store.
ENV CERTFLEET_CODE_CACHE=/var/cache/certfleet
# Where `certfleet run` answers `certfleet health`, too, if certfleet.yaml says where to `listen`.
ENV CERTFLEET_LISTEN=unix:/tmp/certfleet.sock
USER 10001:10001
# Fills the cache with what every command needs, and the adapters.
RUN certfleet providers > /dev/null
# The store: without it, the next run would order every certificate again.
VOLUME /var/lib/certfleet
# The responder of the documents' examples.
EXPOSE 30080
ENTRYPOINT ["certfleet"]
CMD ["--help"]

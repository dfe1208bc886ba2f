/** The output of `certfleet config example`. A test runs `config check` on it. */
export const exampleText = `# certfleet.yaml: which certificates to get, from which CA, and where to deploy them.
# Check it with: certfleet config check --config certfleet.yaml

# Where state, keys and certificates are stored.
store: { type: file, path: /var/lib/certfleet }

# The CAs. A directory is a short name, such as letsencrypt or letsencrypt-staging, or an https:// URL.
issuers:
  letsencrypt:
    directory: letsencrypt
    email: ops@example.com
    agreeToTerms: true            # after reading https://letsencrypt.org/repository/
    # limits: { newOrdersPerAccount: 3000/3h }   # if the CA has raised a limit for you

# How to prove to a CA that the names are yours.
solvers:
  # certfleet itself listens on port 80, only while an order needs it.
  web: { type: http01-responder, listen: "0.0.0.0:80" }
  # If a web server already listens there, give it files instead.
  # webroot: { type: http01-webroot, folders: [/var/www/html] }
  # If port 80 is closed, answer on port 443.
  # tls: { type: tls-alpn01 }
  # Wildcards need DNS. Secrets are file:/path (mode 0600) or env:NAME.
  dns:
    type: dns01
    provider: rfc2136
    options: { server: "ns1.example.com:53", keyName: acme, secret: "file:/etc/certfleet/tsig" }

# Where to deploy certificates.
deployers:
  files: { type: files, path: /etc/certfleet/certs }
  # edge: { type: haproxy, socket: /run/haproxy/admin.sock, certificates: /etc/haproxy/certs }

certificates:
  - name: www
    identifiers: [www.example.com]
    issuer: letsencrypt
    solver: web
    deploy: [files]
    # endpoints: ["www.example.com:443"]   # checked over TLS after a deployment
  - name: wildcard
    identifiers: [example.com, "*.example.com"]
    issuer: letsencrypt
    solver: dns
    deploy: [files]

# Whom to tell what needs a person. Try it with: certfleet alarms test ops
# alarms:
#   ops:
#     type: email
#     host: smtp.example.com
#     username: certfleet@example.com
#     password: "file:/etc/certfleet/smtp-password"
#     from: certfleet@example.com
#     to: ops@example.com
#   chat: { type: slack, url: "file:/etc/certfleet/slack-url" }   # see certfleet providers

# Pages and an API, for people with a login: certfleet user add NAME --role admin
# pages: { listen: 127.0.0.1:8443 }
# pages: { listen: "0.0.0.0:8443", hosts: [certfleet.example.com], certificate: www }

# node: web-1                     # this node's name on a shared store, if not the host name
# preflight: { resolvers: ["1.1.1.1:53"], http01Port: 80 }
# shutdownBudget: 8s
# leaseTtl: 60s
# deployTimeout: 2m
`;

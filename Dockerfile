# The image of Fleetfill: worker and orchestrator, each one self-contained bundle that needs Node.js and nothing else.
#
#   docker buildx build --platform linux/arm64 --build-arg VERSION=0.1.0 --build-arg REVISION="$(git rev-parse HEAD)" \
#     --tag "$REPOSITORY_URI:$(git rev-parse --short=12 HEAD)" --push .
#
# The base is pinned to an exact version of the current LTS line. A tag can be moved; to pin what it points at as well,
# look the digest up once and write it behind the tag (node:26.10.0-trixie-slim@sha256:…):
#
#   docker buildx imagetools inspect node:26.10.0-trixie-slim --format '{{.Manifest.Digest}}'
ARG NODE_IMAGE=node:26.10.0-trixie-slim

# Bundles are JavaScript and the same on every architecture, so they are built on that of the builder, and the stage
# below runs nothing: an image for ARM is built on any machine without emulation.
FROM --platform=$BUILDPLATFORM ${NODE_IMAGE} AS build
WORKDIR /src
COPY package.json package-lock.json ./
# No script of any dependency runs, and so not ours either (prepare): the build is the next step.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm run build

FROM ${NODE_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="fleetfill" \
      org.opencontainers.image.description="Adds a missing attribute to every item of a live DynamoDB table, and proves that it did." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="docker.io/library/node:26.10.0-trixie-slim"
ENV NODE_ENV=production
WORKDIR /app
# Owned by root and not writable by the user below. The .LEGAL.txt beside each bundle holds its licences.
COPY --from=build /src/dist/job.mjs* /src/dist/orchestrate.mjs* ./
# The user "node" of the base image, by number, so that a policy can see that it is not root.
USER 1000:1000
# The base image's entry point is a shell script that guesses what it was given. Without it the command is the process.
ENTRYPOINT []
CMD ["node", "job.mjs"]

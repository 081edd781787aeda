# The image of Fleetfill: worker and orchestrator, each one self-contained bundle that needs Node.js and nothing else.
#
#   docker buildx build --platform linux/arm64 --build-arg VERSION=0.1.0 --build-arg REVISION="$(git rev-parse HEAD)" \
#     --tag "$REPOSITORY_URI:$(git rev-parse --short=12 HEAD)" --push .
#
# The base is pinned to an exact version of the current LTS line. A tag can be moved. To pin the image itself, look up
# its digest once and append it to the tag (node:26.10.0-trixie-slim@sha256:…):
#
#   docker buildx imagetools inspect node:26.10.0-trixie-slim --format '{{.Manifest.Digest}}'
ARG NODE_IMAGE=node:26.10.0-trixie-slim

# The bundles are JavaScript, the same on every architecture, so this stage builds them on the builder's own. The stage
# below runs nothing, so any machine can build an image for ARM without emulation.
FROM --platform=$BUILDPLATFORM ${NODE_IMAGE} AS build
WORKDIR /src
COPY package.json package-lock.json ./
# No install script of a dependency runs. Our own script (prepare) does not run either: the build is the next step.
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
# Root owns the files, and the user below cannot write them. The .LEGAL.txt beside each bundle holds its licences.
COPY --from=build /src/dist/job.mjs* /src/dist/orchestrate.mjs* ./
# The user "node" of the base image, given by number so that a policy can see that it is not root.
USER 1000:1000
# The base image's entry point is a shell script that guesses what to run. Without it the command itself is the process.
ENTRYPOINT []
CMD ["node", "job.mjs"]

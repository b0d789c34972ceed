# The engine and its worker, and nothing else: no shell, no package manager. scripts/image-root says what goes in.
#
#   docker build -t alertspawner:0.1.0 .
#   buildah bud --timestamp "$(git log -1 --format=%ct)" -t alertspawner:0.1.0 .     # the same bytes for the same input
FROM debian:bookworm-slim AS build
WORKDIR /src
COPY scripts/deps scripts/lib.sh scripts/
RUN scripts/deps
COPY . .
RUN scripts/build release alertspawner alertspawner-worker
ARG SOURCE_DATE_EPOCH=0
RUN scripts/image-root build/release /image

FROM scratch
COPY --from=build /image /
USER 65532:65532
ENTRYPOINT ["/usr/bin/alertspawner"]

import { BatchGetImageCommand, type ECRClient, GetDownloadUrlForLayerCommand } from '@aws-sdk/client-ecr';
import type { TaskDefinition } from '@aws-sdk/client-ecs';
import { z } from 'zod';
import { asking, type Finding, failure, ok, warning } from './finding.ts';

const CHECK = 'image';

const ECR_IMAGE =
  /^(?<registryId>\d{12})\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?\/(?<repositoryName>[^:@]+)(?::(?<imageTag>[^@]+))?(?:@(?<imageDigest>sha256:[0-9a-f]{64}))?$/;

/** In an image index, each manifest names its platform. A single manifest does not; its config blob names it. */
const manifestSchema = z.object({
  manifests: z
    .array(z.object({ platform: z.object({ architecture: z.string(), os: z.string() }).optional() }))
    .optional(),
  config: z.object({ digest: z.string() }).optional(),
});
const configSchema = z.object({ architecture: z.string() });

const MEDIA_TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];

/** Maps ECS's names of architectures to those of images. */
const IN_IMAGES: Readonly<Record<string, string>> = { ARM64: 'arm64', X86_64: 'amd64' };

/** Checks that the image exists in its repository and is built for the task definition's architecture. */
export async function checkImage(
  ecr: ECRClient,
  definition: TaskDefinition,
  container: string,
): Promise<readonly Finding[]> {
  const image = definition.containerDefinitions?.find(({ name }) => name === container)?.image ?? '';
  const parts = ECR_IMAGE.exec(image)?.groups;
  if (!parts)
    return [
      warning(CHECK, { message: `The image ${image} is not in ECR, so its architecture was not checked.` }),
    ];
  const wanted = definition.runtimePlatform?.cpuArchitecture ?? 'X86_64';
  const { registryId, repositoryName, imageTag, imageDigest } = parts;
  const where = { registryId, repositoryName };
  return asking(
    CHECK,
    `which architecture the image ${image} is built for`,
    async () => {
      const { images } = await ecr.send(
        new BatchGetImageCommand({
          ...where,
          imageIds: [imageDigest ? { imageDigest } : { imageTag: imageTag ?? 'latest' }],
          acceptedMediaTypes: MEDIA_TYPES,
        }),
      );
      const text = images?.[0]?.imageManifest;
      if (text === undefined) {
        return [
          failure(CHECK, {
            message: `The image ${image} is not in its repository, so no task could start.`,
            advice: 'Push it, or name another one in the stack (ImageUri): docs/deploy.md, step 2.',
          }),
        ];
      }
      const manifest = manifestSchema.parse(JSON.parse(text));
      const found = manifest.manifests
        ? manifest.manifests.flatMap(({ platform }) => platform?.architecture ?? [])
        : [await architectureOf(ecr, where, manifest.config?.digest ?? '')];
      return [judgeArchitecture(image, wanted, found)];
    },
    error =>
      error.name === 'RepositoryNotFoundException'
        ? failure(CHECK, {
            message: `There is no repository for the image ${image}.`,
            advice: 'Create it and push the image: docs/deploy.md, steps 1 and 2.',
          })
        : undefined,
  );
}

async function architectureOf(
  ecr: ECRClient,
  where: { registryId?: string | undefined; repositoryName: string | undefined },
  layerDigest: string,
): Promise<string> {
  const { downloadUrl } = await ecr.send(new GetDownloadUrlForLayerCommand({ ...where, layerDigest }));
  const reply = await fetch(downloadUrl ?? '', { signal: AbortSignal.timeout(5_000) });
  if (!reply.ok) throw new Error(`The image's configuration could not be read: HTTP ${reply.status}`);
  return configSchema.parse(await reply.json()).architecture;
}

export function judgeArchitecture(image: string, wanted: string, found: readonly string[]): Finding {
  if (found.includes(IN_IMAGES[wanted] ?? wanted)) {
    return ok(CHECK, `The image ${image} is built for ${wanted}, as the task definition asks.`);
  }
  return failure(CHECK, {
    message: `The image ${image} is built for ${found.join(', ') || 'an unknown architecture'}, and the task definition asks for ${wanted}. Every task would fail with an exec format error.`,
    advice: `Build it with --platform linux/${IN_IMAGES[wanted] ?? wanted}, or set CpuArchitecture of the stack.`,
  });
}

import { parse } from 'smol-toml';
import { z } from 'zod';
import { PlatformError } from '../../domain/errors.ts';
import { signalNumber } from '../../domain/stop-signal.ts';

/** `<layers>/<name>.toml` (Buildpack API, "Layer Content Metadata (TOML)"). */
export interface LayerMetadata {
  readonly launch: boolean;
  readonly build: boolean;
  readonly cache: boolean;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** `<layers>/launch.toml`. */
export interface LaunchMetadata {
  readonly processes: readonly LaunchProcess[];
  readonly labels: readonly { readonly key: string; readonly value: string }[];
  /** For each slice, its patterns below the app's folder. */
  readonly slices: readonly (readonly string[])[];
}

export interface LaunchProcess {
  readonly type: string;
  /** At least one word. */
  readonly command: readonly string[];
  /** Default arguments. Arguments at start replace them. */
  readonly args: readonly string[];
  readonly isDefault: boolean;
  /** Null: the app's folder. */
  readonly workingDir: string | null;
  /** Our own key `stop-signal`, which other platforms ignore. Default: SIGTERM. */
  readonly stopSignal?: string;
}

/** The part of `<layers>/store.toml` that we read. The rest belongs to the buildpack and is kept as text. */
export interface StoreMetadata {
  /** The result depends only on the inputs that buildpack.toml names, and on `inputs`. */
  readonly inputsOnly: boolean;
  /** Files beyond those that buildpack.toml names. */
  readonly inputs: readonly string[];
}

const flag = z.boolean().default(false);
const layerSchema = z.object({
  types: z.object({ launch: flag, build: flag, cache: flag }).default({ launch: false, build: false, cache: false }),
  metadata: z.record(z.string(), z.unknown()).default({}),
});

const processType = /^[A-Za-z0-9._-]+$/;
const launchSchema = z.object({
  processes: z
    .array(
      z.object({
        type: z.string().regex(processType),
        command: z.array(z.string()).min(1),
        args: z.array(z.string()).default([]),
        default: flag,
        'working-dir': z.string().optional(),
        'stop-signal': z
          .string()
          .refine((signal) => signalNumber(signal) !== null, 'is no signal')
          .optional(),
      }),
    )
    .default([]),
  labels: z.array(z.object({ key: z.string(), value: z.string() })).default([]),
  slices: z.array(z.object({ paths: z.array(z.string()).default([]) })).default([]),
});
const buildSchema = z.object({ unmet: z.array(z.object({ name: z.string() })).default([]) });
const storeSchema = z.object({
  metadata: z
    .object({
      paas: z.object({ 'inputs-only': flag, inputs: z.array(z.string()).default([]) }).optional(),
    })
    .optional(),
});

export function parseLayer(text: string, file: string): LayerMetadata {
  const { types, metadata } = read(layerSchema, text, file);
  return { ...types, metadata };
}

export function parseLaunch(text: string, file: string): LaunchMetadata {
  const { processes, labels, slices } = read(launchSchema, text, file);
  if (processes.filter((process) => process.default).length > 1) throw wrong(file, 'two processes are the default one');
  return {
    processes: processes.map(
      ({ default: isDefault, 'working-dir': workingDir, 'stop-signal': stopSignal, ...process }) => ({
        ...process,
        isDefault,
        workingDir: workingDir ?? null,
        ...(stopSignal === undefined ? {} : { stopSignal }),
      }),
    ),
    labels,
    slices: slices.map(({ paths }) => paths),
  };
}

/** The plan's names that the buildpack reports as unmet in build.toml. */
export function parseUnmet(text: string, file: string): readonly string[] {
  return read(buildSchema, text, file).unmet.map(({ name }) => name);
}

export function parseStore(text: string, file: string): StoreMetadata {
  const { metadata } = read(storeSchema, text, file);
  return { inputsOnly: metadata?.paas?.['inputs-only'] ?? false, inputs: metadata?.paas?.inputs ?? [] };
}

function read<T>(schema: z.ZodType<T>, text: string, file: string): T {
  let table: unknown;
  try {
    table = parse(text);
  } catch (error) {
    throw wrong(file, (error as Error).message);
  }
  const parsed = schema.safeParse(table);
  if (!parsed.success) throw wrong(file, z.prettifyError(parsed.error));
  return parsed.data;
}

function wrong(file: string, problem: string): PlatformError {
  return new PlatformError('build_failed', `The buildpack wrote a ${file} that is not valid: ${problem}`);
}

/** The parts of a package.json that decide whether Node.js runs the app. Fields of another type count as absent. */
export interface PackageFacts {
  /** It is no JSON object. The Node.js buildpack reports that with its place. */
  readonly isBroken: boolean;
  readonly startScript: boolean;
  /** The name of the script that builds the app: "build" or "heroku-postbuild". */
  readonly buildScript: string | null;
  readonly main: string | null;
  /** The names under `dependencies`, without the dev dependencies. */
  readonly dependencies: readonly string[];
}

export function packageFacts(text: string): PackageFacts {
  const value = parsed(text);
  const fields = objectOf(value);
  const scripts = objectOf(fields.scripts);
  const isScript = (name: string) => textOf(scripts[name]) !== null;
  return {
    isBroken: fields !== value,
    startScript: isScript('start'),
    buildScript: ['heroku-postbuild', 'build'].find(isScript) ?? null,
    main: textOf(fields.main),
    dependencies: Object.keys(objectOf(fields.dependencies)),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    return null;
  }
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value.trim() !== '' ? value : null;
}

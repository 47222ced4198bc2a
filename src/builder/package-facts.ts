/** The parts of a package.json that decide whether Node.js runs the app. Fields of another type count as absent. */
export interface PackageFacts {
  /** It is no JSON object. The Node.js buildpack reports that with its place. */
  readonly isBroken: boolean;
  readonly startScript: string | null;
  /** The name of the script that builds the app: "build" or "heroku-postbuild". */
  readonly buildScript: string | null;
  /** Null for a file of a build tool such as gulpfile.js: `npm init` writes the first script that it finds. */
  readonly main: string | null;
  /** The names under `dependencies`, without the dev dependencies. */
  readonly dependencies: readonly string[];
}

/** The Node.js buildpack has the same pattern (lib/processes.sh). */
const toolFile = /(?:^|\/)(?:gulpfile|gruntfile|webpack|[^/]*\.(?:config|conf))(?:\.[^/]*)?$/i;

export function packageFacts(text: string): PackageFacts {
  const value = parsed(text);
  const fields = objectOf(value);
  const scripts = objectOf(fields.scripts);
  const main = textOf(fields.main);
  const isScript = (name: string) => textOf(scripts[name]) !== null;
  return {
    isBroken: fields !== value,
    startScript: textOf(scripts.start),
    buildScript: ['heroku-postbuild', 'build'].find(isScript) ?? null,
    main: main !== null && toolFile.test(main) ? null : main,
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

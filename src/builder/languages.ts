import { anyOf } from './glob.ts';

/** A language or tool that no buildpack of this version builds. A row goes when its buildpack arrives. */
interface Language {
  readonly name: string;
  /** Files at the top that name packages or a build. Patterns. */
  readonly manifests: readonly string[];
  /** Other files at the top by which it is recognised when nothing else is. Patterns. */
  readonly sources: readonly string[];
  /** Programs of its own that the image does not have. */
  readonly programs: readonly string[];
  /** Replaces the advice to add a Dockerfile. */
  readonly advice?: string;
  /** package.json says how to build it with Node.js. */
  readonly isJavaScript?: true;
}

const languages: readonly Language[] = [
  {
    name: 'Python',
    manifests: [
      'requirements.txt',
      'pyproject.toml',
      'Pipfile',
      'Pipfile.lock',
      'poetry.lock',
      'uv.lock',
      'setup.py',
      'environment.yml',
    ],
    sources: ['manage.py', 'wsgi.py', 'asgi.py', 'app.py', 'main.py', 'server.py', '*.py'],
    programs: [
      'python',
      'pip',
      'pip3',
      'gunicorn',
      'uvicorn',
      'hypercorn',
      'daphne',
      'waitress-serve',
      'uwsgi',
      'flask',
      'fastapi',
      'django-admin',
      'celery',
      'rq',
      'streamlit',
      'jupyter',
      'poetry',
      'pipenv',
      'uv',
      'chainlit',
    ],
    advice:
      'Add a Dockerfile. For an app without packages, a Procfile with web: python3 app.py is enough: python3 is in the stack.',
  },
  {
    name: 'Ruby',
    manifests: ['Gemfile', 'Gemfile.lock', '*.gemspec'],
    sources: ['config.ru', 'Rakefile', '*.rb'],
    programs: ['bundle', 'bundler', 'rails', 'rackup', 'puma', 'unicorn', 'thin', 'sidekiq', 'jekyll', 'bin/rails'],
  },
  { name: 'Go', manifests: ['go.mod', 'go.work'], sources: ['*.go'], programs: ['go'] },
  {
    name: 'Java',
    manifests: [
      'pom.xml',
      'build.gradle',
      'build.gradle.kts',
      'settings.gradle',
      'settings.gradle.kts',
      'mvnw',
      'gradlew',
    ],
    sources: ['*.java', '*.kt', '*.jar', '*.war', 'system.properties'],
    programs: ['java', 'javac', 'mvn', 'gradle', './mvnw', './gradlew', 'kotlin'],
  },
  { name: 'Scala', manifests: ['build.sbt'], sources: ['*.scala'], programs: ['sbt', 'scala'] },
  { name: 'Clojure', manifests: ['project.clj', 'deps.edn'], sources: ['*.clj'], programs: ['lein', 'clojure', 'clj'] },
  { name: 'Rust', manifests: ['Cargo.toml', 'Cargo.lock'], sources: ['*.rs'], programs: ['cargo', 'rustc'] },
  {
    name: 'PHP',
    manifests: ['composer.json', 'composer.lock'],
    sources: ['index.php', 'public/index.php', '*.php'],
    programs: [
      'php',
      'php-fpm',
      'composer',
      'heroku-php-apache2',
      'heroku-php-nginx',
      'vendor/bin/heroku-php-apache2',
      'vendor/bin/heroku-php-nginx',
    ],
  },
  { name: 'Elixir', manifests: ['mix.exs'], sources: ['*.ex', '*.exs'], programs: ['mix', 'elixir', 'iex'] },
  { name: 'Erlang', manifests: ['rebar.config'], sources: ['*.erl'], programs: ['erl', 'rebar3', 'escript'] },
  {
    name: '.NET',
    manifests: ['*.csproj', '*.fsproj', '*.vbproj', '*.sln', '*.slnx'],
    sources: ['*.cs', '*.fs', 'global.json'],
    programs: ['dotnet'],
  },
  { name: 'Swift', manifests: ['Package.swift'], sources: ['*.swift'], programs: ['swift'] },
  { name: 'Dart', manifests: ['pubspec.yaml'], sources: ['*.dart'], programs: ['dart', 'flutter'] },
  {
    name: 'Haskell',
    manifests: ['stack.yaml', 'cabal.project', '*.cabal'],
    sources: ['*.hs'],
    programs: ['stack', 'cabal', 'runghc'],
  },
  { name: 'Crystal', manifests: ['shard.yml'], sources: ['*.cr'], programs: ['crystal', 'shards'] },
  { name: 'Julia', manifests: ['Project.toml'], sources: ['*.jl'], programs: ['julia'] },
  { name: 'R', manifests: ['renv.lock', 'init.R'], sources: ['app.R', '*.R'], programs: ['R', 'Rscript'] },
  {
    name: 'Deno',
    manifests: ['deno.json', 'deno.jsonc', 'deno.lock'],
    sources: [],
    programs: ['deno'],
    isJavaScript: true,
  },
  {
    name: 'Bun',
    manifests: ['bun.lock', 'bun.lockb', 'bunfig.toml'],
    sources: [],
    programs: ['bun', 'bunx'],
    isJavaScript: true,
  },
  {
    name: 'TypeScript without a package.json',
    manifests: ['tsconfig.json'],
    sources: ['*.ts', '*.tsx', '*.mts', '*.cts'],
    programs: ['tsx', 'ts-node', 'tsc'],
    advice: 'Add a package.json whose start script runs it, for example: "scripts": { "start": "node index.ts" }',
    isJavaScript: true,
  },
  {
    name: 'Docker Compose',
    // No manifest, because many apps have one for development only.
    manifests: [],
    sources: ['docker-compose.yml', 'docker-compose.yaml', 'compose.yml', 'compose.yaml'],
    programs: ['docker-compose', 'docker'],
    advice: 'Push each service as an app of its own, with its Dockerfile at the top of the source.',
  },
  {
    name: 'Hugo, Zola, Jekyll or MkDocs',
    manifests: ['hugo.toml', 'hugo.yaml', '_config.yml', 'mkdocs.yml'],
    sources: ['config.toml'],
    programs: ['hugo', 'zola', 'mkdocs'],
    advice:
      'Build the site first, for example in CI, and push its pages with a static.json such as { "root": "public" }; or add a Dockerfile.',
  },
];

/** What the platform says about a language that it does not build. */
export interface LanguageNotice {
  readonly message: string;
  readonly hint: string;
}

const known = 'Buildpacks of this version: Node.js, static sites, and Procfile for programs of the stack.';

function notice({ name, advice }: Language, subject: string): LanguageNotice {
  return {
    message: `${subject}: ${name} is not among the buildpacks of this version.`,
    hint: `${advice ?? 'Add a Dockerfile, which may use any language.'} ${known}`,
  };
}

/** The first language of the source by its manifests, then by its other files; null when none is known. */
export function unsupportedLanguage(paths: ReadonlySet<string>): LanguageNotice | null {
  for (const kind of ['manifests', 'sources'] as const) {
    for (const language of languages) {
      const [file] = matching(paths, language[kind]);
      if (file !== undefined) return notice(language, file);
    }
  }
  return null;
}

/** One line per language whose manifest is in the source and which this build leaves out. */
export function leftOut(paths: ReadonlySet<string>): readonly string[] {
  return languages.flatMap((language) => {
    const [file] = matching(paths, language.manifests);
    return file === undefined || (language.isJavaScript && paths.has('package.json'))
      ? []
      : [`${file} is not used: ${language.name} is not among the buildpacks of this version.`];
  });
}

/** The notice for a program that belongs to a language of the table; null for any other. */
export function missingProgram(program: string, paths: ReadonlySet<string>): LanguageNotice | null {
  const language = languages.find(({ programs }) => programs.includes(program));
  // Packages of an app bring such programs under any name.
  if (!language || (language.isJavaScript && paths.has('package.json'))) return null;
  const [manifest] = matching(paths, [...language.manifests, ...language.sources]);
  return notice(language, manifest ?? program);
}

/** Whether a file at this path, relative to a folder, begins an app of a language in the table. */
export const isManifest = anyOf(languages.flatMap(({ manifests }) => manifests));

function matching(paths: ReadonlySet<string>, patterns: readonly string[]): readonly string[] {
  return patterns.flatMap((pattern) => {
    if (!pattern.includes('*')) return paths.has(pattern) ? [pattern] : [];
    const matches = anyOf([pattern]);
    return [...paths].filter(matches).slice(0, 1);
  });
}

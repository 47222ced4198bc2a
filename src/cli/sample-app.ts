/** The small app that `paas demo` writes and pushes. It has no dependencies, so its first push downloads no packages. */
export function sampleApp(name: string): Readonly<Record<string, string>> {
  const manifest = {
    name,
    version: '1.0.0',
    private: true,
    scripts: { start: 'node server.js' },
    engines: { node: '>=20' },
  };
  const lock = {
    name,
    version: '1.0.0',
    lockfileVersion: 3,
    requires: true,
    packages: { '': withoutScripts(manifest) },
  };
  return {
    'server.js': `const { createServer } = require('node:http');

const greeting = process.env.GREETING || 'Hello from paas!';

const server = createServer((request, response) => {
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.end(\`\${greeting} This is \${process.env.DYNO}, on Node.js \${process.version}.\\n\`);
});

// The platform says which port, and asks the process to end with SIGTERM.
server.listen(process.env.PORT || 5000, () => console.log(\`Listening on port \${server.address().port}\`));
process.on('SIGTERM', () => server.close());
`,
    'package.json': `${JSON.stringify(manifest, null, 2)}\n`,
    'package-lock.json': `${JSON.stringify(lock, null, 2)}\n`,
    Procfile: 'web: node server.js\n',
  };
}

function withoutScripts({ name, version, engines }: { name: string; version: string; engines: object }) {
  return { name, version, engines };
}

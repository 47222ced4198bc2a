'use strict';
// `npm start`, `npm test`, `npm run bench` and the `paas` command begin here. This file runs on any Node from 12 on. It
// installs the packages and runs the given script with a Node that is new enough. It needs only Node and npm.

const fs = require('fs');
const os = require('os');
const path = require('path');
const { spawn, spawnSync } = require('child_process');
const { pathToFileURL } = require('url');

const root = path.resolve(__dirname, '..');
const modules = path.join(root, 'node_modules');
const oldestNode = [24, 12];

function isNewEnough(version) {
  const parts = version.replace(/^v/, '').split('.').map(Number);
  return parts[0] > oldestNode[0] || (parts[0] === oldestNode[0] && parts[1] >= oldestNode[1]);
}

function readPackages(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8')).packages;
  } catch {
    return null;
  }
}

/**
 * Returns the reason to install the packages again, or null when they match the lock file. npm writes its hidden lock file
 * last, so an interrupted install has none. Packages for other machines may be missing. Outside tests, development packages
 * may be missing too.
 */
function staleReason(folder, needsDevelopment) {
  const wanted = readPackages(path.join(folder, 'package-lock.json'));
  const present = readPackages(path.join(folder, 'node_modules', '.package-lock.json'));
  if (!wanted) return null;
  if (!present) return 'node_modules is missing';
  const changed = Object.keys(wanted).find((name) => {
    if (name === '') return false;
    const entry = wanted[name];
    if (!present[name]) return !(entry.optional || entry.devOptional || (entry.dev && !needsDevelopment));
    return present[name].version !== entry.version;
  });
  return changed ? `package-lock.json has changed (${changed.replace(/^.*node_modules\//, '')})` : null;
}

function installPackages(reason) {
  process.stderr.write(`Installing packages with npm ci: ${reason}. This takes about 20 seconds.\n`);
  // None of our packages needs its install script, so none is run.
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const npm = process.env.npm_execpath;
  const command = npm ? [process.execPath, npm, ...args] : ['npm', ...args];
  const run = spawnSync(command[0], command.slice(1), { cwd: root, stdio: ['ignore', 2, 2] });
  if (run.status !== 0)
    fail('npm ci failed: see its output above. This machine must reach an npm registry.', run.status);
}

/** npx looks for `paas` here before it asks a registry. npm scripts use the `node` linked here; npm 9 does not link it. */
function linkPrograms() {
  const { platform, arch } = process;
  linkProgram('paas', path.join('..', '..', 'src', 'cli', 'paas.cjs'));
  linkProgram('node', path.join('..', `node-${platform}-${arch}`, 'bin', 'node'));
}

function linkProgram(name, target) {
  const folder = path.join(modules, '.bin');
  const link = path.join(folder, name);
  if (fs.existsSync(link) || !fs.existsSync(path.join(folder, target))) return;
  try {
    fs.symlinkSync(target, link);
  } catch (error) {
    if (error.code !== 'EEXIST') process.stderr.write(`Cannot make the link ${link}: ${error.message}\n`);
  }
}

/** Returns the path of a Node that is new enough: this one, or else the one from the packages. Null when there is none. */
function findNode() {
  if (isNewEnough(process.version)) return process.execPath;
  try {
    return require.resolve(`node-${process.platform}-${process.arch}/bin/node`);
  } catch {
    return null;
  }
}

/** Uses a folder of the user. Node's default is in /tmp, where another user could create it first and plant code in it. */
function keepCompiledCode() {
  try {
    const caches = process.env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache');
    require('module').enableCompileCache(path.join(caches, 'paas', 'compiled'));
  } catch {
    // Without a home folder nothing is cached, and each start takes a little longer.
  }
}

/**
 * Runs a script with a Node that is new enough: in this process if it can, else in a child process. The child gets our
 * signals, and we end as it ends.
 */
function runScript(script, args) {
  const node = findNode();
  if (!node) {
    const needs = `paas needs Node.js ${oldestNode.join('.')} or newer, but this is ${process.version}.`;
    fail(`${needs} Install a newer Node.js, or run npm ci without --omit=optional.`);
  }
  if (node === process.execPath) {
    process.argv = [process.argv[0], script, ...args];
    keepCompiledCode();
    import(pathToFileURL(script).href).catch((error) => fail(error.stack));
    return;
  }
  const child = spawn(node, [__filename, script, ...args], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      // The terminal sends Ctrl-C to the child too.
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.on('error', (error) => fail(`${node} cannot be run: ${error.message}`));
  child.on('exit', (code, signal) => {
    if (!signal) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

function fail(message, code) {
  try {
    // Waits for a slow reader. What `process.stderr` has not written yet would be dropped by the exit.
    fs.writeSync(2, `${message}\n`);
  } catch {
    // Nobody reads it.
  }
  process.exit(code || 1);
}

function main(args) {
  if (!args[0]) fail('Usage: node src/bootstrap.cjs SCRIPT [ARGUMENT...]', 2);
  const script = path.resolve(args[0]);
  const reason = staleReason(root, path.relative(root, script).split(path.sep)[0] === 'test');
  if (reason) installPackages(reason);
  linkPrograms();
  runScript(script, args.slice(1));
}

module.exports = { runScript, staleReason, isNewEnough };

if (require.main === module) main(process.argv.slice(2));

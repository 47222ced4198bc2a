#!/usr/bin/env node
'use strict';
// The `paas` command, for any Node from 12 on. It runs the source in a checkout, and the compiled code in a package.

const fs = require('fs');
const path = require('path');
const bootstrap = require('../bootstrap.cjs');

const source = path.join(__dirname, 'main.ts');
const isCheckout = fs.existsSync(source);

if (isCheckout && !fs.existsSync(path.join(__dirname, '..', '..', 'node_modules', '.package-lock.json'))) {
  process.stderr.write('The packages of this checkout are not installed yet. Run npm start first.\n');
  process.exit(1);
}
bootstrap.runScript(
  isCheckout ? source : path.join(__dirname, '..', '..', 'dist', 'cli', 'main.js'),
  process.argv.slice(2),
);

'use strict';
// A `mogr serve` of its own for each suite of clients, over a temporary folder and a free port.

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');

/** Starts a server with one of the configurations beside this file. */
async function start(configuration) {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'mogr-clients-'));
  for (const bucket of ['examples', 'other']) fs.mkdirSync(path.join(root, bucket));
  const config = path.join(root, 'mogr.toml');
  const template = fs.readFileSync(path.join(__dirname, configuration), 'utf8');
  fs.writeFileSync(config, template.replaceAll('{root}', root));
  const port = await freePort();
  const log = fs.openSync(path.join(root, 'log'), 'w+');
  const command = process.env.MOGR || 'target/release/mogr';
  const child = spawn(command, ['serve', '--listen', `127.0.0.1:${port}`, '--config', config], {
    stdio: ['ignore', log, log],
  });
  const ended = new Promise((resolve, reject) => child.on('error', reject).on('exit', resolve));
  ended.catch(() => {});
  const output = () => fs.readFileSync(path.join(root, 'log'), 'utf8');
  for (const start = Date.now(); !(await listens(port)); ) {
    if (child.exitCode !== null || child.pid === undefined || Date.now() - start > 30000) {
      throw new Error(`${command} does not listen:\n${output()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const stop = async () => {
    child.kill('SIGINT');
    const code = await ended;
    if (process.exitCode || code !== 0) console.error(output().slice(-20000));
    fs.rmSync(root, { recursive: true, force: true });
    return code;
  };
  return { root, port, output, stop };
}

function freePort() {
  return new Promise((resolve) => {
    const probe = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

function listens(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

module.exports = { start };

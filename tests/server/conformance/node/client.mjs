// Drives one version of the `openai` package: one order a line on standard input, one answer a line on standard output.
// Arguments: the folder with node_modules, and the package's name there. See ../python_client.py, which does the same.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import readline from 'node:readline';

const [folder, name] = process.argv.slice(2);
const require = createRequire(path.join(path.resolve(folder), 'package.json'));
const OpenAI = require(name);
const realFetch = name === 'openai-4' ? require('node-fetch') : globalThis.fetch;

await fetch('data:,'); // so that Node's fetch is loaded, and its dispatcher is there

for await (const line of readline.createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  const found = order.parallel ? await Promise.all(order.parallel.map(answer)) : await answer(order);
  process.stdout.write(JSON.stringify(found) + '\n');
}

async function answer(order) {
  const wire = { attempts: 0, status: null, headers: {}, raw: '' };
  const client = new OpenAI({ maxRetries: 0, ...options(order), fetch: watched(wire) });
  try {
    const found = await call(client, order);
    return { ...wire, ...(order.arguments?.stream === true ? await events(found, order.take) : value(found)) };
  } catch (error) {
    return { ...wire, error: described(error) };
  }
}

function options(order) {
  const { base_url: baseURL, api_key: apiKey, max_retries: maxRetries, timeout, headers_timeout: headersTimeout } = order.client;
  const given = { baseURL, apiKey };
  if (maxRetries !== undefined) given.maxRetries = maxRetries;
  if (timeout !== undefined) given.timeout = timeout * 1000;
  if (headersTimeout !== undefined) given.fetchOptions = { dispatcher: impatient(headersTimeout * 1000) };
  return given;
}

// Node's own fetch waits 300 s for the first header; a shorter wait shows the same in a test.
function impatient(milliseconds) {
  const dispatcher = globalThis[Symbol.for('undici.globalDispatcher.1')];
  return new dispatcher.constructor({ headersTimeout: milliseconds });
}

function watched(wire) {
  return async (url, init) => {
    if (String(url).startsWith('data:')) return await realFetch(url, init); // the client tries what fetch can do
    wire.attempts += 1;
    const response = await realFetch(url, init);
    wire.status = response.status;
    wire.headers = Object.fromEntries(response.headers.entries());
    const isStream = (response.headers.get('content-type') ?? '').startsWith('text/event-stream');
    wire.raw = isStream ? '' : await response.clone().text();
    return response;
  };
}

async function call(client, order) {
  switch (order.call) {
    case 'models':
      return { models: (await client.models.list()).data };
    case 'model':
      return await client.models.retrieve(order.name);
  }
  const body = { file: await file(order.file), ...order.arguments, ...order.extra };
  const audio = order.call === 'translate' ? client.audio.translations : client.audio.transcriptions;
  return await audio.create(body);
}

async function file({ how, path: name, name: shown, type }) {
  switch (how) {
    case 'as documented':
    case 'stream':
      return fs.createReadStream(name);
    case 'File':
      return new File([fs.readFileSync(name)], shown ?? path.basename(name), type ? { type } : {});
    case 'named':
      return await OpenAI.toFile(fs.readFileSync(name), shown, type ? { type } : {});
    case 'bytes':
      return await OpenAI.toFile(fs.readFileSync(name));
    case 'fetch':
      return await fetch(shown);
  }
  throw new Error(how);
}

function value(found) {
  if (typeof found === 'string') return { type: 'str', value: found };
  if (found.models) return { type: 'list', value: found.models };
  return { type: typeof found, value: found, request_id: found._request_id };
}

async function events(stream, take) {
  const begin = performance.now();
  const seen = [];
  try {
    for await (const event of stream) {
      seen.push({ type: event.type, at: (performance.now() - begin) / 1000, value: event });
      if (seen.length === take) break;
    }
  } catch (error) {
    return { events: seen, error: described(error) };
  }
  return { events: seen };
}

function described(error) {
  const { message, param = null, code = null, type = null, error: body = null } = error;
  const requestId = error.requestID ?? error.request_id ?? null;
  let cause = error.cause;
  while (cause?.cause) cause = cause.cause;
  return { name: error.constructor.name, cause: String(cause), message, param, code, type, request_id: requestId, body };
}

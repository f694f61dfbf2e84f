// What the SDK scripts share: arguments, the list of checks, the report. See ../python/checks.py.

import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';

export const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';
export const DEMO = 'demo-echo';
export const SYSTEM = 'Be brief.';
export const TOOL_PROMPT = '/tool get_weather {"city": "Paris"}';
export const WEATHER = {
  type: 'object',
  properties: { city: { type: 'string', description: 'Name of the city' } },
  required: ['city'],
  additionalProperties: false,
};

export const args = parseArgs({
  options: {
    url: { type: 'string' },
    key: { type: 'string' },
    models: { type: 'string' },
    only: { type: 'string', default: '' },
  },
}).values;
export const models = args.models.split(',');

const checks = [];

/** Runs the function once for every model. */
export const check = (name, run) => checks.push({ name, run, perModel: true });
/** Runs the function once; it takes no model. */
export const once = (name, run) => checks.push({ name, run, perModel: false });

export function contains(text, wanted) {
  assert.ok(text?.includes(wanted), `${JSON.stringify(text)} lacks ${JSON.stringify(wanted)}`);
}

/** The exception of exactly this class that the call throws, at once or in its stream. */
export async function raises(kind, call) {
  let answer;
  try {
    answer = await call();
    if (answer?.[Symbol.asyncIterator]) for await (const _ of answer);
  } catch (error) {
    if (kind === undefined || error.constructor === kind) return error;
    throw error;
  }
  assert.fail(`no ${kind?.name ?? 'error'}, but ${JSON.stringify(answer)}`);
}

export async function all(stream) {
  const items = [];
  for await (const item of stream) items.push(item);
  return items;
}

/** The demo model only knows that there was a picture, the upstreams decode it. */
export const sawPicture = (model, text) =>
  contains(text, model === DEMO ? '[image]' : 'image/png of 70 bytes');

export const brokenAsAsked = (model) => (model === DEMO ? 'as you asked' : 'as asked');

/** Only these prove that thinking came back: chat has no proof, the demo model does not think. */
export const proves = (model) => model !== DEMO && model !== 'up-chat';

export async function main() {
  let [passed, failed] = [0, 0];
  for (const { name, run, perModel } of checks) {
    if (!name.includes(args.only)) continue;
    for (const model of perModel ? models : [undefined]) {
      const label = [name, model].filter(Boolean).join(' ');
      try {
        await run(model);
        passed += 1;
        console.log(`ok ${label}`);
      } catch (error) {
        failed += 1;
        console.log(`FAILED ${label}`);
        console.log(error);
      }
    }
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed || !passed ? 1 : 0);
}

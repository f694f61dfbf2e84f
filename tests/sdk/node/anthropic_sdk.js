// The @anthropic-ai/sdk package: Messages, tools, thinking, counting, models, errors.

import assert from 'node:assert/strict';
import Anthropic from '@anthropic-ai/sdk';
import { betaZodTool } from '@anthropic-ai/sdk/helpers/beta/zod';
import { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod';
import { z } from 'zod';
import {
  DEMO, PIXEL, SYSTEM, TOOL_PROMPT, WEATHER,
  all, args, brokenAsAsked, check, contains, main, models, once, proves, raises, sawPicture,
} from './checks.js';

const client = new Anthropic({ baseURL: args.url, apiKey: args.key, maxRetries: 0 });
const tools = [{ name: 'get_weather', description: 'Looks outside', input_schema: WEATHER }];
const thinking = { type: 'enabled', budget_tokens: 1024 };

const ask = (model, content, rest = {}) => ({
  model, max_tokens: 2048, system: SYSTEM, messages: [{ role: 'user', content }], ...rest,
});
const textOf = (message) =>
  message.content.map((block) => (block.type === 'text' ? block.text : '')).join('');

check('messages', async (model) => {
  const answer = await client.messages.create(ask(model, 'hello'));
  contains(textOf(answer), 'You said: hello');
  assert.equal(answer.stop_reason, 'end_turn');
  assert.equal(answer.model, model);
  assert.ok(answer.usage.output_tokens > 0);
});

check('messages stream', async (model) => {
  const stream = client.messages.stream(ask(model, 'one two three'));
  let text = '';
  stream.on('text', (delta) => (text += delta));
  const answer = await stream.finalMessage();
  contains(text, 'You said: one two three');
  assert.equal(textOf(answer), text);
  assert.ok(answer.usage.output_tokens > 0);
});

check('tools with thinking', async (model) => {
  const request = ask(model, TOOL_PROMPT, { tools, thinking });
  const first = await client.messages.stream(request).finalMessage();
  assert.equal(first.stop_reason, 'tool_use');
  const call = first.content.find((block) => block.type === 'tool_use');
  assert.deepEqual(call.input, { city: 'Paris' });
  const result = { type: 'tool_result', tool_use_id: call.id, content: '21 degrees' };
  request.messages.push(
    { role: 'assistant', content: first.content },
    { role: 'user', content: [result] },
  );
  const last = await client.messages.create(request);
  contains(textOf(last), 'The tool answered: 21 degrees');
  if (proves(model)) contains(textOf(last), 'thinking came back');
});

check('tool runner', async (model) => {
  const getWeather = betaZodTool({
    name: 'get_weather',
    description: 'Looks outside',
    inputSchema: z.object({ city: z.string() }),
    run: ({ city }) => `21 degrees in ${city}`,
  });
  for (const stream of [false, true]) {
    const runner = client.beta.messages.toolRunner(
      ask(model, TOOL_PROMPT, { tools: [getWeather], stream }));
    contains(textOf(await runner.runUntilDone()), 'The tool answered: 21 degrees in Paris');
  }
});

check('thinking', async (model) => {
  const answer = await client.messages.create(ask(model, '/think why', { thinking }));
  contains(answer.content[0].thinking, 'think');
  const stream = client.messages.stream(ask(model, '/think why', { thinking }));
  let said = '';
  stream.on('thinking', (delta) => (said += delta));
  contains(textOf(await stream.finalMessage()), 'why');
  contains(said, 'think');
});

check('picture', async (model) => {
  const source = { type: 'base64', media_type: 'image/png', data: PIXEL };
  const content = [{ type: 'image', source }, { type: 'text', text: 'What is it?' }];
  sawPicture(model, textOf(await client.messages.create(ask(model, content))));
});

check('structured', async (model) => {
  const Weather = z.object({ city: z.string(), temperature: z.number() });
  const answer = await client.messages.parse(
    ask(model, 'Paris', { output_config: { format: zodOutputFormat(Weather) } }));
  assert.equal(answer.parsed_output.city, 'Paris');
});

check('counting', async (model) => {
  const { max_tokens, ...request } = ask(model, 'How many tokens is this?', { tools });
  const { input_tokens: counted } = await client.messages.countTokens(request);
  if (['up-anthropic', 'up-gemini'].includes(model)) assert.equal(counted, 21);
  else assert.ok(counted > 10 && counted < 500, `${counted}`);
});

once('models', async () => {
  const listed = await all(client.models.list({ limit: 1000 }));
  const ids = listed.map((model) => model.id);
  for (const model of models) assert.ok(ids.includes(model), `${model} is not in ${ids}`);
  for (const model of listed) assert.ok(model.display_name && model.created_at, model.id);
  assert.equal((await client.models.retrieve(DEMO)).id, DEMO);
  await raises(Anthropic.NotFoundError, () => client.models.retrieve('nowhere'));
});

check('errors', async (model) => {
  for (const [status, kind] of [
    [400, Anthropic.BadRequestError], [401, Anthropic.AuthenticationError],
    [403, Anthropic.PermissionDeniedError], [404, Anthropic.NotFoundError],
    [422, Anthropic.UnprocessableEntityError], [429, Anthropic.RateLimitError],
    [500, Anthropic.InternalServerError],
  ]) {
    for (const stream of [false, true]) {
      const request = ask(model, `/error ${status} told so`, { stream });
      const error = await raises(kind, () => client.messages.create(request));
      assert.equal(error.status, status);
      contains(error.message, 'told so');
      assert.equal(error.error.type, 'error');
    }
  }
});

check('broken streams', async (model) => {
  const request = ask(model, '/break one two three', { stream: true });
  const error = await raises(undefined, () => client.messages.create(request));
  assert.ok(error instanceof Anthropic.APIError, error);
  contains(error.message, brokenAsAsked(model));
});

once('wrong key and model', async () => {
  const stranger = client.withOptions({ apiKey: 'wrong' });
  const error = await raises(Anthropic.AuthenticationError, () => stranger.models.list());
  contains(error.message, 'Invalid API key');
  const unknown = await raises(undefined, () => client.messages.create(ask('nowhere', 'hi')));
  contains(unknown.message, 'unknown provider for model nowhere');
});

await main();

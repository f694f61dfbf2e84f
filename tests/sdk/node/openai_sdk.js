// The openai package: Chat Completions, Responses, embeddings, models, errors.

import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { zodResponseFormat, zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import {
  DEMO, PIXEL, SYSTEM, TOOL_PROMPT, WEATHER,
  all, args, brokenAsAsked, check, contains, main, models, once, proves, raises, sawPicture,
} from './checks.js';

const client = new OpenAI({ baseURL: `${args.url}/v1`, apiKey: args.key, maxRetries: 0 });
const picture = `data:image/png;base64,${PIXEL}`;
const Weather = z.object({ city: z.string(), temperature: z.number() });
const chatTools = [{ type: 'function', function: { name: 'get_weather', parameters: WEATHER } }];
const tools = [{ type: 'function', name: 'get_weather', parameters: WEATHER, strict: true }];

const ask = (content) => [
  { role: 'system', content: SYSTEM },
  { role: 'user', content },
];

check('chat', async (model) => {
  const answer = await client.chat.completions.create({ model, messages: ask('hello') });
  contains(answer.choices[0].message.content, 'You said: hello');
  assert.equal(answer.choices[0].finish_reason, 'stop');
  assert.equal(answer.model, model);
  assert.ok(answer.usage.total_tokens > 0);
});

check('chat stream', async (model) => {
  const chunks = await all(
    await client.chat.completions.create({
      model, messages: ask('one two three'), stream: true, stream_options: { include_usage: true },
    }),
  );
  const pieces = chunks.map((chunk) => chunk.choices[0]?.delta.content).filter(Boolean);
  contains(pieces.join(''), 'You said: one two three');
  assert.ok(pieces.length > 3, 'the text came in one piece');
  assert.ok(chunks.at(-1).usage.completion_tokens > 0);
});

check('chat helper', async (model) => {
  const stream = client.chat.completions.stream({ model, messages: ask('hello there') });
  let text = '';
  stream.on('content', (delta) => (text += delta));
  const answer = await stream.finalChatCompletion();
  contains(text, 'You said: hello there');
  assert.equal(answer.choices[0].message.content, text);
});

check('chat tools', async (model) => {
  const places = [];
  const runner = client.chat.completions.runTools({
    model,
    messages: ask(TOOL_PROMPT),
    tools: [
      {
        type: 'function',
        function: {
          name: 'get_weather',
          parameters: WEATHER,
          parse: JSON.parse,
          function: ({ city }) => {
            places.push(city);
            return `21 degrees in ${city}`;
          },
        },
      },
    ],
  });
  contains(await runner.finalContent(), 'The tool answered: 21 degrees in Paris');
  assert.deepEqual(places, ['Paris']);
});

check('chat tools stream', async (model) => {
  const stream = client.chat.completions.stream({
    model, messages: ask(TOOL_PROMPT), tools: chatTools,
  });
  const first = (await stream.finalChatCompletion()).choices[0];
  assert.equal(first.finish_reason, 'tool_calls');
  const [call] = first.message.tool_calls;
  assert.deepEqual(JSON.parse(call.function.arguments), { city: 'Paris' });
});

check('chat thinking', async (model) => {
  const request = { model, messages: ask('/think why'), reasoning_effort: 'low' };
  const answer = await client.chat.completions.create(request);
  contains(answer.choices[0].message.reasoning_content, 'think');
  const chunks = await all(await client.chat.completions.create({ ...request, stream: true }));
  contains(chunks.map((chunk) => chunk.choices[0]?.delta.reasoning_content ?? '').join(''), 'think');
});

check('chat picture', async (model) => {
  const content = [
    { type: 'text', text: 'What is it?' },
    { type: 'image_url', image_url: { url: picture } },
  ];
  const answer = await client.chat.completions.create({ model, messages: ask(content) });
  sawPicture(model, answer.choices[0].message.content);
});

check('chat structured', async (model) => {
  const answer = await client.chat.completions.parse({
    model, messages: ask('Paris'), response_format: zodResponseFormat(Weather, 'weather'),
  });
  assert.equal(answer.choices[0].message.parsed.city, 'Paris');
});

check('responses', async (model) => {
  const answer = await client.responses.create({ model, instructions: SYSTEM, input: 'hello' });
  contains(answer.output_text, 'You said: hello');
  assert.equal(answer.status, 'completed');
  assert.equal(answer.model, model);
});

check('responses stream', async (model) => {
  const stream = client.responses.stream({ model, input: 'one two three' });
  let text = '';
  stream.on('response.output_text.delta', ({ delta }) => (text += delta));
  const answer = await stream.finalResponse();
  contains(text, 'You said: one two three');
  assert.equal(answer.output_text, text);
});

check('responses tools', async (model) => {
  const input = [{ role: 'user', content: TOOL_PROMPT }];
  const request = {
    model, input, tools, store: false,
    reasoning: { effort: 'low', summary: 'auto' }, include: ['reasoning.encrypted_content'],
  };
  const first = await client.responses.stream(request).finalResponse();
  const call = first.output.find((item) => item.type === 'function_call');
  assert.deepEqual(JSON.parse(call.arguments), { city: 'Paris' });
  // What the helper adds for its user is not part of the item.
  input.push(...first.output.map(({ parsed_arguments, ...item }) => item));
  input.push({ type: 'function_call_output', call_id: call.call_id, output: '21 degrees' });
  const last = await client.responses.create(request);
  contains(last.output_text, 'The tool answered: 21 degrees');
  if (proves(model)) contains(last.output_text, 'thinking came back');
});

check('responses picture', async (model) => {
  const content = [
    { type: 'input_text', text: 'What is it?' },
    { type: 'input_image', image_url: picture, detail: 'auto' },
  ];
  const answer = await client.responses.create({ model, input: [{ role: 'user', content }] });
  sawPicture(model, answer.output_text);
});

check('responses structured', async (model) => {
  const answer = await client.responses.parse({
    model, input: 'Paris', text: { format: zodTextFormat(Weather, 'weather') },
  });
  assert.equal(answer.output_parsed.city, 'Paris');
});

once('embeddings', async () => {
  for (const model of ['up-chat', 'up-gemini']) {
    // The package asks for base64 by itself and decodes it.
    const answer = await client.embeddings.create({ model, input: ['abc', 'defgh'] });
    assert.deepEqual(answer.data.map((item) => Array.from(item.embedding)), [
      [3, 0.5, -0.25],
      [5, 0.5, -0.25],
    ]);
  }
});

once('models', async () => {
  const ids = (await all(client.models.list())).map((model) => model.id);
  for (const model of models) assert.ok(ids.includes(model), `${model} is not in ${ids}`);
  assert.equal((await client.models.retrieve(DEMO)).id, DEMO);
  await raises(OpenAI.NotFoundError, () => client.models.retrieve('nowhere'));
});

check('errors', async (model) => {
  for (const [status, kind] of [
    [400, OpenAI.BadRequestError], [401, OpenAI.AuthenticationError],
    [403, OpenAI.PermissionDeniedError], [404, OpenAI.NotFoundError],
    [422, OpenAI.UnprocessableEntityError], [429, OpenAI.RateLimitError],
    [500, OpenAI.InternalServerError], [503, OpenAI.InternalServerError],
  ]) {
    const prompt = `/error ${status} told so`;
    for (const stream of [false, true]) {
      for (const call of [
        () => client.chat.completions.create({ model, messages: ask(prompt), stream }),
        () => client.responses.create({ model, input: prompt, stream }),
      ]) {
        const error = await raises(kind, call);
        assert.equal(error.status, status);
        contains(error.message, 'told so');
      }
    }
  }
});

check('broken streams', async (model) => {
  const prompt = '/break one two three';
  const error = await raises(OpenAI.APIError, () =>
    client.chat.completions.create({ model, messages: ask(prompt), stream: true }));
  contains(error.message, brokenAsAsked(model));
  const helper = await raises(undefined, () =>
    client.responses.stream({ model, input: prompt }).finalResponse());
  assert.ok(helper instanceof Error);
});

once('wrong key and model', async () => {
  const stranger = client.withOptions({ apiKey: 'wrong' });
  const error = await raises(OpenAI.AuthenticationError, () => stranger.models.list());
  contains(error.message, 'Invalid API key');
  const unknown = await raises(undefined, () =>
    client.chat.completions.create({ model: 'nowhere', messages: ask('hi') }));
  contains(unknown.message, 'unknown provider for model nowhere');
});

await main();

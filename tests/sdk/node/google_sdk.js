// The @google/genai package: generateContent, chats, tools, thinking, counting, models, errors.

import assert from 'node:assert/strict';
import { ApiError, FinishReason, GoogleGenAI, Type } from '@google/genai';
import {
  DEMO, PIXEL, SYSTEM, TOOL_PROMPT, WEATHER,
  all, args, brokenAsAsked, check, contains, main, models, once, proves, raises, sawPicture,
} from './checks.js';

const connect = (apiKey, apiVersion) =>
  new GoogleGenAI({ apiKey, apiVersion, httpOptions: { baseUrl: args.url } });
// `v1` is the package's own default since version 3.
const clients = ['v1', 'v1beta'].map((version) => connect(args.key, version));
const client = clients[1];
const thinkingConfig = { includeThoughts: true, thinkingBudget: 1024 };

const partsOf = (answer) => answer.candidates?.[0]?.content?.parts ?? [];
const textOf = (answer) =>
  partsOf(answer).map((part) => (part.thought ? '' : part.text ?? '')).join('');
const thoughtsOf = (answer) =>
  partsOf(answer).map((part) => (part.thought ? part.text ?? '' : '')).join('');

check('generate', async (model) => {
  for (const either of clients) {
    const answer = await either.models.generateContent({
      model, contents: 'hello', config: { systemInstruction: SYSTEM },
    });
    contains(answer.text, 'You said: hello');
    assert.equal(answer.candidates[0].finishReason, FinishReason.STOP);
    assert.ok(answer.usageMetadata.totalTokenCount > 0);
  }
});

check('generate stream', async (model) => {
  for (const either of clients) {
    const chunks = await all(
      await either.models.generateContentStream({ model, contents: 'one two three' }));
    contains(chunks.map(textOf).join(''), 'You said: one two three');
    assert.ok(chunks.length > 3, 'the text came in one piece');
    assert.equal(chunks.at(-1).candidates[0].finishReason, FinishReason.STOP);
  }
});

check('chats', async (model) => {
  const chat = client.chats.create({ model, config: { systemInstruction: SYSTEM } });
  contains((await chat.sendMessage({ message: 'first' })).text, 'You said: first');
  const chunks = await all(await chat.sendMessageStream({ message: 'second one' }));
  contains(chunks.map(textOf).join(''), 'You said: second one');
});

check('tools', async (model) => {
  for (const parameters of [
    { parameters: { type: Type.OBJECT, properties: { city: { type: Type.STRING } } } },
    { parametersJsonSchema: WEATHER },
  ]) {
    const contents = [{ role: 'user', parts: [{ text: TOOL_PROMPT }] }];
    const request = {
      model, contents,
      config: {
        thinkingConfig: model === DEMO ? undefined : thinkingConfig,
        tools: [{ functionDeclarations: [{ name: 'get_weather', ...parameters }] }],
      },
    };
    const first = await client.models.generateContent(request);
    const [call] = first.functionCalls;
    assert.deepEqual([call.name, call.args], ['get_weather', { city: 'Paris' }]);
    const response = { id: call.id, name: call.name, response: { output: '21 degrees' } };
    contents.push(first.candidates[0].content, {
      role: 'user', parts: [{ functionResponse: response }],
    });
    const last = await client.models.generateContent(request);
    contains(last.text, 'The tool answered: 21 degrees');
    if (proves(model)) contains(last.text, 'thinking came back');
  }
});

check('thinking', async (model) => {
  const request = { model, contents: '/think why', config: { thinkingConfig } };
  const answer = await client.models.generateContent(request);
  contains(thoughtsOf(answer), 'think');
  contains(answer.text, 'why');
  const chunks = await all(await client.models.generateContentStream(request));
  contains(chunks.map(thoughtsOf).join(''), 'think');
});

check('picture', async (model) => {
  const contents = [{ inlineData: { mimeType: 'image/png', data: PIXEL } }, 'What is it?'];
  sawPicture(model, (await client.models.generateContent({ model, contents })).text);
});

check('structured', async (model) => {
  const properties = { city: { type: Type.STRING }, temperature: { type: Type.INTEGER } };
  const answer = await client.models.generateContent({
    model, contents: 'Paris',
    config: {
      responseMimeType: 'application/json',
      responseSchema: { type: Type.OBJECT, properties, required: ['city', 'temperature'] },
    },
  });
  assert.equal(JSON.parse(answer.text).city, 'Paris');
});

check('counting', async (model) => {
  const { totalTokens } = await client.models.countTokens({
    model, contents: 'How many tokens is this, please?',
  });
  if (['up-anthropic', 'up-gemini'].includes(model)) assert.equal(totalTokens, 21);
  else assert.ok(totalTokens > 3 && totalTokens < 500, `${totalTokens}`);
});

once('models', async () => {
  for (const either of clients) {
    const names = (await all(await either.models.list())).map((model) => model.name);
    for (const model of models) assert.ok(names.includes(`models/${model}`), `${names}`);
    assert.equal((await either.models.get({ model: DEMO })).name, `models/${DEMO}`);
  }
});

check('errors', async (model) => {
  for (const status of [400, 401, 403, 404, 429, 500, 503]) {
    const request = { model, contents: `/error ${status} told so` };
    for (const call of [
      () => client.models.generateContent(request),
      () => client.models.generateContentStream(request),
    ]) {
      const error = await raises(ApiError, call);
      assert.equal(error.status, status);
      contains(error.message, 'told so');
    }
  }
});

check('broken streams', async (model) => {
  const request = { model, contents: '/break one two three' };
  const error = await raises(undefined, () => client.models.generateContentStream(request));
  contains(error.message, brokenAsAsked(model));
});

once('wrong key and model', async () => {
  const stranger = connect('wrong', 'v1beta');
  const error = await raises(ApiError, () =>
    stranger.models.generateContent({ model: DEMO, contents: 'hi' }));
  assert.equal(error.status, 401);
  const unknown = await raises(ApiError, () =>
    client.models.generateContent({ model: 'nowhere', contents: 'hi' }));
  contains(unknown.message, 'unknown provider for model nowhere');
});

await main();

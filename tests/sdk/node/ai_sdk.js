// The AI SDK (`ai`) over each of its providers: text, streams, tools, thinking, pictures, objects.

import assert from 'node:assert/strict';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, Output, embed, generateText, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';
import {
  DEMO, PIXEL, SYSTEM, TOOL_PROMPT,
  args, brokenAsAsked, check, contains, main, once, raises, sawPicture,
} from './checks.js';

const apiKey = args.key;
const openai = createOpenAI({ baseURL: `${args.url}/v1`, apiKey });
const compatible = createOpenAICompatible({
  name: 'gateway', baseURL: `${args.url}/v1`, apiKey,
  includeUsage: true, supportsStructuredOutputs: true,
});
const anthropic = createAnthropic({ baseURL: `${args.url}/v1`, apiKey });
const google = createGoogleGenerativeAI({ baseURL: `${args.url}/v1beta`, apiKey });

/** Each way into the daemon, and what asks for thinking there. */
const ways = {
  responses: {
    model: (id) => openai.responses(id),
    // Without this the package takes unknown names for models that cannot think.
    thinking: {
      openai: { reasoningEffort: 'low', reasoningSummary: 'auto', forceReasoning: true, store: false },
    },
  },
  chat: { model: (id) => openai.chat(id) },
  compatible: {
    model: (id) => compatible(id),
    thinking: { gateway: { reasoningEffort: 'low' } },
  },
  anthropic: {
    model: (id) => anthropic(id),
    thinking: { anthropic: { thinking: { type: 'enabled', budgetTokens: 1024 } } },
  },
  google: {
    model: (id) => google(id),
    thinking: { google: { thinkingConfig: { includeThoughts: true, thinkingBudget: 1024 } } },
  },
};

const Weather = z.object({ city: z.string(), temperature: z.number() });

for (const [way, { model: open, thinking }] of Object.entries(ways)) {
  const ask = (id, rest) => ({ model: open(id), system: SYSTEM, maxRetries: 0, ...rest });

  check(`${way} text`, async (id) => {
    const answer = await generateText(ask(id, { prompt: 'hello' }));
    contains(answer.text, 'You said: hello');
    assert.equal(answer.finishReason, 'stop');
    assert.ok(answer.usage.inputTokens > 0 && answer.usage.outputTokens > 0, answer.usage);
  });

  check(`${way} stream`, async (id) => {
    const answer = streamText(ask(id, { prompt: 'one two three' }));
    const pieces = [];
    for await (const piece of answer.textStream) pieces.push(piece);
    contains(pieces.join(''), 'You said: one two three');
    assert.ok(pieces.length > 3, 'the text came in one piece');
    assert.equal(await answer.finishReason, 'stop');
    assert.ok((await answer.usage).outputTokens > 0);
  });

  check(`${way} tools`, async (id) => {
    const get_weather = tool({
      description: 'Looks outside',
      inputSchema: z.object({ city: z.string() }),
      execute: async ({ city }) => `21 degrees in ${city}`,
    });
    const request = ask(id, {
      prompt: TOOL_PROMPT, tools: { get_weather }, stopWhen: stepCountIs(3),
      providerOptions: id === DEMO ? undefined : thinking,
    });
    const answer = await generateText(request);
    contains(answer.text, '21 degrees in Paris');
    assert.equal(answer.steps.length, 2);
    const streamed = streamText(request);
    contains(await streamed.text, '21 degrees in Paris');
  });

  if (thinking) {
    check(`${way} thinking`, async (id) => {
      const request = ask(id, { prompt: '/think why', providerOptions: thinking });
      contains((await generateText(request)).reasoningText, 'think');
      contains(await streamText(request).reasoningText, 'think');
    });
  }

  check(`${way} picture`, async (id) => {
    const file = { type: 'file', data: Buffer.from(PIXEL, 'base64'), mediaType: 'image/png' };
    const content = [{ type: 'text', text: 'What is it?' }, file];
    const answer = await generateText(ask(id, { messages: [{ role: 'user', content }] }));
    sawPicture(id, answer.text);
  });

  check(`${way} object`, async (id) => {
    const output = Output.object({ schema: Weather });
    const answer = await generateText(ask(id, { prompt: 'Paris', output }));
    assert.equal(answer.output.city, 'Paris');
  });

  check(`${way} errors`, async (id) => {
    for (const status of [400, 401, 403, 404, 429, 500]) {
      const request = ask(id, { prompt: `/error ${status} told so` });
      const error = await raises(undefined, () => generateText(request));
      assert.ok(APICallError.isInstance(error), error);
      assert.equal(error.statusCode, status);
      contains(error.message, 'told so');
    }
  });

  check(`${way} broken streams`, async (id) => {
    const errors = [];
    const answer = streamText(
      ask(id, { prompt: '/break one two three', onError: ({ error }) => errors.push(error) }));
    for await (const _ of answer.fullStream);
    const said = errors.map((error) => error.message ?? JSON.stringify(error)).join();
    contains(said, brokenAsAsked(id));
  });
}

once('embeddings', async () => {
  for (const model of [openai.embedding('up-chat'), compatible.textEmbeddingModel('up-gemini')]) {
    const { embedding } = await embed({ model, value: 'abc', maxRetries: 0 });
    assert.deepEqual(embedding, [3, 0.5, -0.25]);
  }
});

await main();

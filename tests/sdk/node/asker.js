// Asks through the official SDKs what tests/it/support/asker.rs wants to know; see ../python/asker.py.

import { createInterface } from 'node:readline';
import Anthropic from '@anthropic-ai/sdk';
import { ApiError, GoogleGenAI } from '@google/genai';
import OpenAI from 'openai';

const connect = ({ wire, url, key: apiKey }) => {
  if (wire === 'gemini') return new GoogleGenAI({ apiKey, httpOptions: { baseUrl: url } });
  if (wire === 'anthropic') return new Anthropic({ baseURL: url, apiKey, maxRetries: 0 });
  return new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });
};

const user = [{ role: 'user', content: 'hello' }];

const calls = {
  async *chat(client, model, stream) {
    const answer = await client.chat.completions.create({ model, messages: user, stream });
    if (!stream) return yield answer.choices[0].message.content;
    for await (const chunk of answer) yield chunk.choices[0]?.delta.content;
  },
  async *responses(client, model, stream) {
    const answer = await client.responses.create({ model, input: 'hello', stream });
    if (!stream) return yield answer.output_text;
    for await (const event of answer) {
      if (event.type === 'response.output_text.delta') yield event.delta;
    }
  },
  async *anthropic(client, model, stream) {
    const answer = await client.messages.create({
      model, max_tokens: 100, messages: user, stream,
    });
    if (!stream) return yield answer.content.map((block) => block.text ?? '').join('');
    for await (const event of answer) {
      if (event.type === 'content_block_delta') yield event.delta.text;
    }
  },
  async *gemini(client, model, stream) {
    const asked = { model, contents: 'hello' };
    if (!stream) return yield (await client.models.generateContent(asked)).text;
    for await (const chunk of await client.models.generateContentStream(asked)) yield chunk.text;
  },
};

async function ask(question) {
  const pieces = [];
  try {
    const call = calls[question.wire](connect(question), question.model, question.stream);
    for await (const piece of call) if (piece) pieces.push(piece);
  } catch (error) {
    // Google's package keeps the body as text and no headers.
    if (error instanceof ApiError) {
      const { status } = JSON.parse(error.message).error;
      return { status: error.status, kind: status, text: error.message };
    }
    if (!(error instanceof OpenAI.APIError || error instanceof Anthropic.APIError)) throw error;
    const { name } = error.constructor;
    const retryAfter = error.headers.get('retry-after');
    return { status: error.status, kind: name, text: error.message, retry_after: retryAfter };
  }
  return { status: 200, text: pieces.join(''), pieces: pieces.length };
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await ask(JSON.parse(line))));
}

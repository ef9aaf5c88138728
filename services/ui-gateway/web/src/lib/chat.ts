import { ApiError, send } from './api'
import { readEvents, type StreamEvent } from './event-stream'
import type { MentorReply as Reply, Question } from './api-types'
import type { Problem } from './problem'

/** Asks the mentor. `onText` gets the reply piece by piece, the answer is the whole. */
export async function askMentor(
  question: Question,
  idempotencyKey: string,
  onText: (text: string) => void,
  signal: AbortSignal,
): Promise<Reply> {
  const response = await send('/api/ai/chat', {
    method: 'POST',
    headers: {
      accept: 'text/event-stream',
      'content-type': 'application/json',
      'idempotency-key': idempotencyKey,
    },
    body: JSON.stringify(question),
    signal,
  })
  // The first answer to this wish may be told again as it was kept: whole.
  if (!isStream(response)) return (await response.json()) as Reply
  return readReply(response.body, onText, signal)
}

function isStream(response: Response): boolean {
  return response.headers.get('content-type')?.startsWith('text/event-stream') ?? false
}

async function readReply(
  body: ReadableStream<Uint8Array> | null,
  onText: (text: string) => void,
  signal: AbortSignal,
): Promise<Reply> {
  try {
    for await (const event of body ? readEvents(body) : []) {
      const reply = takeIn(event, onText)
      if (reply) return reply
    }
  } catch (error) {
    // What the server said, or our own wish to stop; anything else is a connection that broke.
    if (error instanceof ApiError || signal.aborted) throw error
  }
  throw new ApiError({ title: 'The connection ended before the reply did', status: 0, code: 'network' })
}

function takeIn(event: StreamEvent, onText: (text: string) => void): Reply | null {
  switch (event.type) {
    case 'delta':
      onText((JSON.parse(event.data) as { text: string }).text)
      return null
    case 'done':
      return JSON.parse(event.data) as Reply
    case 'error':
      throw new ApiError(JSON.parse(event.data) as Problem)
    default:
      // Types that came later than this page.
      return null
  }
}

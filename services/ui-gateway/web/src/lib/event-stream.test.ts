import { describe, expect, it } from 'vitest'
import { EventParser, readEvents, type StreamEvent } from './event-stream'

function bodyOf(pieces: Uint8Array[], onCancel = () => {}): ReadableStream<Uint8Array> {
  let next = 0
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      const piece = pieces[next++]
      if (piece) controller.enqueue(piece)
      else controller.close()
    },
    cancel: onCancel,
  })
}

async function collect(body: ReadableStream<Uint8Array>): Promise<StreamEvent[]> {
  const events: StreamEvent[] = []
  for await (const event of readEvents(body)) events.push(event)
  return events
}

const bytes = (text: string) => new TextEncoder().encode(text)
const eachByte = (text: string) => Array.from(bytes(text), (byte) => new Uint8Array([byte]))

describe('events of a stream', () => {
  const EXPECTED = [
    { type: 'delta', data: '{"text":"Grüße, 日本 👋"}' },
    { type: 'done', data: '{}' },
  ]
  const LINES = ['event: delta', 'data: {"text":"Grüße, 日本 👋"}', '', 'event: done', 'data: {}', '', '']

  it.each([['\n'], ['\r\n'], ['\r']])('come whole however the pieces and lines are cut (%j)', async (end) => {
    const text = LINES.join(end)
    // A lone carriage return at the very end may be half of a line's end: nothing follows that says so.
    const closed = end === '\r' ? `${text}:` : text
    for (const pieces of [[bytes(closed)], eachByte(closed)]) expect(await collect(bodyOf(pieces))).toEqual(EXPECTED)
  })

  it('have comments, other fields and a byte order mark ignored', async () => {
    const text = '\ufeff: hello\n\nid: 4\nretry: 10\nevent:delta\ndata:x\n\n:ping\n\ndata: y\n\n'
    expect(await collect(bodyOf(eachByte(text)))).toEqual([
      { type: 'delta', data: 'x' },
      { type: 'message', data: 'y' },
    ])
  })

  it('join the lines of their data, and without data are none', () => {
    const parser = new EventParser()
    expect(parser.take('data: a\ndata\ndata:  b\n\nevent: delta\n\ndata: c\n\n')).toEqual([
      { type: 'message', data: 'a\n\n b' },
      { type: 'message', data: 'c' },
    ])
  })

  it('that the end cuts off are none', async () => {
    expect(await collect(bodyOf([bytes('event: done\ndata: {"half"')]))).toEqual([])
    expect(await collect(bodyOf([bytes('event: done\ndata: {}\n')]))).toEqual([])
  })

  it('are bounded', () => {
    const half = 'x'.repeat(600_000)
    expect(() => new EventParser().take(half + half)).toThrow(RangeError)
    const parser = new EventParser()
    parser.take(`data: ${half}\n`)
    expect(() => parser.take(`data: ${half}\n`)).toThrow(RangeError)
  })

  it('stop the server when nobody listens any more', async () => {
    let cancelled = false
    const body = bodyOf([bytes('data: 1\n\ndata: 2\n\n'), bytes('data: 3\n\n')], () => (cancelled = true))
    for await (const event of readEvents(body)) if (event.data === '1') break
    expect(cancelled).toBe(true)
  })
})

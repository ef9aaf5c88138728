// Server-sent events of a request that had to be a POST, which EventSource cannot make.

export interface StreamEvent {
  type: string
  data: string
}

/** A line or an event beyond this is nothing that our server sends. */
const EVENT_MAX_CHARS = 1_048_576

/** Puts the lines of a stream together to events; pieces may be cut anywhere, also inside a line's end. */
export class EventParser {
  #rest = ''
  #type = ''
  #data: string[] = []
  #size = 0

  /** The events that this piece completes. */
  take(piece: string): StreamEvent[] {
    this.#rest += piece
    const events: StreamEvent[] = []
    for (let line = this.#nextLine(); line !== null; line = this.#nextLine()) {
      const event = this.#takeLine(line)
      if (event) events.push(event)
    }
    if (this.#rest.length > EVENT_MAX_CHARS) throw new RangeError('an event of a stream is too long')
    return events
  }

  #nextLine(): string | null {
    const end = this.#rest.search(/[\r\n]/)
    if (end < 0) return null
    const isCarriage = this.#rest[end] === '\r'
    // Whether a newline follows is told by the next piece.
    if (isCarriage && end === this.#rest.length - 1) return null
    const line = this.#rest.slice(0, end)
    this.#rest = this.#rest.slice(end + (isCarriage && this.#rest[end + 1] === '\n' ? 2 : 1))
    return line
  }

  #takeLine(line: string): StreamEvent | null {
    if (line === '') return this.#finish()
    const colon = line.indexOf(':')
    if (colon === 0) return null
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'event') this.#type = value
    if (field === 'data') {
      this.#data.push(value)
      this.#size += value.length
      if (this.#size > EVENT_MAX_CHARS) throw new RangeError('an event of a stream is too long')
    }
    return null
  }

  #finish(): StreamEvent | null {
    const event = this.#data.length > 0 ? { type: this.#type || 'message', data: this.#data.join('\n') } : null
    this.#type = ''
    this.#data = []
    this.#size = 0
    return event
  }
}

/** The events of a body as they come. One that was cut off by the end is none. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<StreamEvent> {
  const reader = body.getReader()
  // Drops a byte order mark and keeps the bytes of a character that is not whole yet.
  const decoder = new TextDecoder()
  const parser = new EventParser()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      yield* parser.take(decoder.decode(value, { stream: !done }))
      if (done) return
    }
  } finally {
    // Whoever stops listening stops the server too; a body that broke has nothing left to stop.
    await reader.cancel().catch(() => {})
  }
}

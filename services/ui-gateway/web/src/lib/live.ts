import { restartDelayMs, retryDelayMs } from './retry'
import type { LiveEvent } from './live-event'

// One WebSocket, any number of topics. What is subscribed stays subscribed until it is given back:
// over lost connections, restarts and a server that asks to start again. A topic is resumed after
// the last event it delivered, so its listener hears each event once and in order, or is told that
// it has to read a snapshot first.

export type LiveState = 'live' | 'reconnecting' | 'offline'

export interface TopicListener {
  /** The topic is (again) live. With `snapshot`, what happened before is unknown: read it now. */
  subscribed(snapshot: boolean): void
  event(event: LiveEvent): void
  /** The server will not give this topic. */
  refused(code: string): void
}

/** The part of a WebSocket that is used here. */
export interface Socket {
  send(text: string): void
  close(code?: number): void
  onopen: ((opened: Event) => void) | null
  onmessage: ((message: MessageEvent<unknown>) => void) | null
  onclose: ((closed: CloseEvent) => void) | null
}

export interface LiveOptions {
  /** Nothing, or what has to be waited for before a handshake can succeed. It never lasts for long. */
  ready(): Promise<void> | null
  connect(): Socket
  after(delayMs: number, action: () => void): () => void
  random(): number
  /** Asked when a handshake failed, as a browser does not say why; false ends everything. */
  stillSignedIn(): Promise<boolean>
  onState(state: LiveState): void
  /** Something is not as it should be: a good moment to ask the server how it is. */
  onTrouble(): void
  /** The server says whether events come as they happen; while they do not, none is lost. */
  onDelay(delayed: boolean): void
  onEnded(): void
}

interface Topic {
  name: string
  listener: TopicListener
  position: string | null
  /** No snapshot was asked for yet. */
  fresh: boolean
  phase: 'idle' | 'asked' | 'live' | 'refused'
  attempt: number
  cancel: () => void
}

const PING_EVERY_MS = 20_000
const ANSWER_WITHIN_MS = 10_000
const STEADY_AFTER_MS = 5_000
const OFFLINE_AFTER_ATTEMPTS = 10

const CLOSE_SIGNED_OUT = 4401
const CLOSE_RESTART = 1012
const CLOSE_BROKEN = 1006

/** What a new handshake, with the cookies of now, may cure. */
const SIGN_IN_AGAIN = ['unauthenticated', 'session_ended']

/** Refusals that are about the moment. */
const ASK_AGAIN = ['unavailable', 'rate_limited']

export class LiveClient {
  #options: LiveOptions
  #topics = new Map<string, Topic>()
  #running = false
  #online = true
  #attempt = 0
  #state: LiveState | null = null
  #socket: Socket | null = null
  #isOpen = false
  // Questions about a topic that this socket has not answered: only the last answer is about now.
  #unanswered = new Map<string, number>()
  #cancelRetry = () => {}
  #cancelPing = () => {}
  #cancelDeadline = () => {}
  #cancelSteady = () => {}

  constructor(options: LiveOptions) {
    this.#options = options
  }

  start(): void {
    if (this.#running) return
    this.#running = true
    this.#attempt = 0
    this.#connect()
  }

  stop(): void {
    this.#running = false
    this.#cancelRetry()
    this.#drop()
    this.#state = null
  }

  subscribe(name: string, listener: TopicListener): () => void {
    const topic: Topic = {
      name, listener, position: null, fresh: true, phase: 'idle', attempt: 0, cancel: () => {},
    }
    this.#topics.get(name)?.cancel()
    this.#topics.set(name, topic)
    this.#ask(topic)
    this.#report()
    return () => {
      if (this.#topics.get(name) !== topic) return
      topic.cancel()
      this.#topics.delete(name)
      if (this.#isOpen && topic.phase !== 'refused') this.#send({ type: 'unsubscribe', topic: name })
      this.#report()
    }
  }

  /** The browser's own opinion about the network. */
  setOnline(online: boolean): void {
    this.#online = online
    if (online) this.#attempt = 0
    this.check()
    this.#report()
  }

  /** Find out now rather than at the next ping, as when a sleeping window is opened again. */
  check(): void {
    if (!this.#running) return
    if (this.#isOpen) this.#ping()
    else if (this.#socket === null) this.#connect()
  }

  #connect(): void {
    this.#cancelRetry()
    this.#report()
    const waiting = this.#options.ready()
    if (waiting === null) return this.#open()
    let wanted = true
    this.#cancelRetry = () => (wanted = false)
    const goOn = () => {
      if (wanted) this.#open()
    }
    // Whatever it failed with, the handshake shows.
    void waiting.then(goOn, goOn)
  }

  #open(): void {
    const socket = this.#options.connect()
    this.#socket = socket
    this.#expectAnswer()
    socket.onopen = () => {
      this.#isOpen = true
      this.#heard()
      this.#schedulePing()
      this.#cancelSteady = this.#options.after(STEADY_AFTER_MS, () => (this.#attempt = 0))
      for (const topic of this.#topics.values()) this.#ask(topic)
      this.#report()
    }
    socket.onmessage = (message) => {
      this.#heard()
      if (typeof message.data === 'string') this.#receive(message.data)
    }
    socket.onclose = (closed) => this.#closed(closed.code, closed.reason)
  }

  #closed(code: number, reason: string): void {
    const opened = this.#isOpen
    this.#drop()
    if (!this.#running) return
    if (code === CLOSE_SIGNED_OUT) return this.#end()
    const delayMs = code === CLOSE_RESTART
      ? restartDelayMs(parse(reason)?.['retry_ms'], this.#options.random)
      : retryDelayMs(this.#attempt, this.#options.random)
    this.#attempt += 1
    this.#cancelRetry = this.#options.after(delayMs, () => this.#connect())
    this.#report()
    this.#options.onTrouble()
    if (!opened) void this.#askStillSignedIn()
  }

  async #askStillSignedIn(): Promise<void> {
    const signedIn = await this.#options.stillSignedIn()
    if (!signedIn && this.#running) this.#end()
  }

  #end(): void {
    this.stop()
    this.#options.onEnded()
  }

  /** Lets go of the socket without waiting for its goodbye, which may never come. */
  #drop(): void {
    for (const cancel of [this.#cancelPing, this.#cancelDeadline, this.#cancelSteady]) cancel()
    const socket = this.#socket
    this.#socket = null
    this.#isOpen = false
    this.#unanswered.clear()
    for (const topic of this.#topics.values()) {
      topic.cancel()
      topic.phase = 'idle'
    }
    if (socket === null) return
    socket.onopen = socket.onmessage = socket.onclose = null
    socket.close(1000)
  }

  #ask(topic: Topic): void {
    if (!this.#isOpen) return
    topic.phase = 'asked'
    topic.cancel = this.#options.after(ANSWER_WITHIN_MS, () => this.#closed(CLOSE_BROKEN, ''))
    this.#unanswered.set(topic.name, (this.#unanswered.get(topic.name) ?? 0) + 1)
    const after = topic.fresh || topic.position === null ? {} : { after: topic.position }
    this.#send({ type: 'subscribe', topic: topic.name, ...after })
  }

  #receive(text: string): void {
    const message = parse(text)
    if (message?.['type'] === 'status') return this.#options.onDelay(message['live'] === false)
    const topic = this.#topics.get(String(message?.['topic']))
    if (!message || !topic) return
    switch (message['type']) {
      case 'subscribed':
        return this.#subscribed(topic, message)
      case 'event':
        topic.position = String(message['position'])
        return topic.listener.event(message['event'] as LiveEvent)
      case 'resync':
        this.#ask(topic)
        return this.#report()
      case 'error':
        return this.#refused(topic, String(message['code']))
    }
  }

  #subscribed(topic: Topic, message: Record<string, unknown>): void {
    if (!this.#isLastAnswer(topic)) return
    topic.phase = 'live'
    topic.attempt = 0
    const snapshot = topic.fresh || message['gap'] === true
    // After a resume the answer may be ahead of what is still to be replayed: the events tell.
    if (snapshot) topic.position = String(message['position'])
    topic.fresh = false
    this.#report()
    topic.listener.subscribed(snapshot)
  }

  #refused(topic: Topic, code: string): void {
    // It is about who opened the socket, not about the topic.
    if (SIGN_IN_AGAIN.includes(code)) return this.#closed(CLOSE_BROKEN, '')
    if (topic.phase === 'asked' && !this.#isLastAnswer(topic)) return
    topic.cancel()
    if (ASK_AGAIN.includes(code)) {
      topic.phase = 'idle'
      topic.attempt += 1
      const delayMs = retryDelayMs(topic.attempt, this.#options.random)
      topic.cancel = this.#options.after(delayMs, () => this.#ask(topic))
      this.#options.onTrouble()
    } else {
      topic.phase = 'refused'
      topic.listener.refused(code)
    }
    this.#report()
  }

  #isLastAnswer(topic: Topic): boolean {
    const left = (this.#unanswered.get(topic.name) ?? 1) - 1
    this.#unanswered.set(topic.name, left)
    if (left > 0) return false
    topic.cancel()
    return true
  }

  #schedulePing(): void {
    this.#cancelPing = this.#options.after(PING_EVERY_MS, () => {
      this.#ping()
      this.#schedulePing()
    })
  }

  #ping(): void {
    this.#send({ type: 'ping' })
    this.#expectAnswer()
  }

  #expectAnswer(): void {
    this.#cancelDeadline()
    this.#cancelDeadline = this.#options.after(ANSWER_WITHIN_MS, () => this.#closed(CLOSE_BROKEN, ''))
  }

  #heard(): void {
    this.#cancelDeadline()
    this.#cancelDeadline = () => {}
  }

  #send(message: object): void {
    this.#socket?.send(JSON.stringify(message))
  }

  #report(): void {
    if (!this.#running) return
    const state = this.#currentState()
    if (state === this.#state) return
    this.#state = state
    this.#options.onState(state)
  }

  #currentState(): LiveState {
    const settled = [...this.#topics.values()].every((t) => t.phase === 'live' || t.phase === 'refused')
    if (this.#isOpen && settled) return 'live'
    if (!this.#online || this.#attempt >= OFFLINE_AFTER_ATTEMPTS) return 'offline'
    return 'reconnecting'
  }
}

function parse(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null
  } catch {
    return null
  }
}

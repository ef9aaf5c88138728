import { describe, expect, it } from 'vitest'
import { LiveClient, type LiveState, type Socket } from './live'
import { retryDelayMs } from './retry'
import { FakeClock } from './testing/fake-clock'
import type { LiveEvent } from './live-event'

/** A socket whose other end is the test. */
class FakeSocket implements Socket {
  onopen: Socket['onopen'] = null
  onmessage: Socket['onmessage'] = null
  onclose: Socket['onclose'] = null
  sent: Record<string, unknown>[] = []
  closed = false

  send(text: string) {
    this.sent.push(JSON.parse(text))
  }
  close() {
    this.closed = true
  }
  open() {
    this.onopen?.({} as Event)
  }
  say(message: object) {
    this.onmessage?.({ data: JSON.stringify(message) } as MessageEvent<unknown>)
  }
  break(code = 1006, reason = '') {
    this.onclose?.({ code, reason } as CloseEvent)
  }
  take(type: string) {
    const found = this.sent.filter((message) => message['type'] === type)
    this.sent = this.sent.filter((message) => message['type'] !== type)
    return found
  }
}

const settled = () => new Promise((resolve) => setTimeout(resolve))
const TOPIC = 'project:p1'

function setUp(ready: () => Promise<void> | null = () => null) {
  const sockets: FakeSocket[] = []
  const clock = new FakeClock()
  const seen = { states: [] as LiveState[], log: [] as string[], ended: 0, trouble: 0, signedIn: true }
  const client = new LiveClient({
    ready,
    connect: () => {
      const socket = new FakeSocket()
      sockets.push(socket)
      return socket
    },
    after: clock.after,
    random: () => 1,
    stillSignedIn: async () => seen.signedIn,
    onState: (state) => seen.states.push(state),
    onTrouble: () => (seen.trouble += 1),
    onDelay: (delayed) => void seen.log.push(delayed ? 'delayed' : 'on time'),
    onEnded: () => (seen.ended += 1),
  })
  const listener = {
    subscribed: (snapshot: boolean) => void seen.log.push(snapshot ? 'snapshot' : 'resumed'),
    event: (event: LiveEvent) => void seen.log.push(event.id),
    refused: (code: string) => void seen.log.push(`refused ${code}`),
  }
  const socket = () => sockets.at(-1) as FakeSocket
  const event = (id: string, position: string) =>
    socket().say({ type: 'event', topic: TOPIC, position, event: { id, type: 't', data: {} } })
  const subscribed = (position: string, gap = false) =>
    socket().say({ type: 'subscribed', topic: TOPIC, position, replayed: 0, gap })
  const goLive = () => {
    client.start()
    client.subscribe(TOPIC, listener)
    socket().open()
    subscribed('10-0')
  }
  return { client, clock, sockets, socket, seen, listener, event, subscribed, goLive }
}

describe('LiveClient', () => {
  it('subscribes without a position, asks for a snapshot once and is live', () => {
    const t = setUp()
    t.client.start()
    t.client.subscribe(TOPIC, t.listener)
    t.socket().open()
    expect(t.socket().take('subscribe')).toEqual([{ type: 'subscribe', topic: TOPIC }])
    expect(t.seen.states).toEqual(['reconnecting'])
    t.subscribed('10-0')
    t.event('a', '11-0')
    expect(t.seen.log).toEqual(['snapshot', 'a'])
    expect(t.seen.states).toEqual(['reconnecting', 'live'])
  })

  it('resumes after the last event and needs no snapshot', () => {
    const t = setUp()
    t.goLive()
    t.event('a', '11-0')
    t.socket().break()
    expect(t.seen.states.at(-1)).toBe('reconnecting')
    t.clock.pass(0)
    expect(t.sockets).toHaveLength(2)
    t.socket().open()
    expect(t.socket().take('subscribe')).toEqual([{ type: 'subscribe', topic: TOPIC, after: '11-0' }])
    t.subscribed('15-0')
    t.event('b', '12-0')
    // Lost again before the rest was replayed: it goes on from what came, not from what was promised.
    t.socket().break()
    t.clock.pass(1000)
    t.socket().open()
    expect(t.socket().take('subscribe')).toEqual([{ type: 'subscribe', topic: TOPIC, after: '12-0' }])
    expect(t.seen.log).toEqual(['snapshot', 'a', 'resumed', 'b'])
  })

  it('resumes from the subscription when no event came', () => {
    const t = setUp()
    t.goLive()
    t.socket().break()
    t.clock.pass(0)
    t.socket().open()
    expect(t.socket().take('subscribe')).toEqual([{ type: 'subscribe', topic: TOPIC, after: '10-0' }])
  })

  it('reads a snapshot again after a gap and goes on from its position', () => {
    const t = setUp()
    t.goLive()
    t.socket().break()
    t.clock.pass(0)
    t.socket().open()
    t.subscribed('90-0', true)
    t.socket().break()
    t.clock.pass(1000)
    t.socket().open()
    expect(t.socket().take('subscribe')).toEqual([{ type: 'subscribe', topic: TOPIC, after: '90-0' }])
    expect(t.seen.log).toEqual(['snapshot', 'snapshot'])
  })

  it('subscribes again from the last position on resync', () => {
    const t = setUp()
    t.goLive()
    t.event('a', '11-0')
    t.socket().take('subscribe')
    t.socket().say({ type: 'resync', topic: TOPIC, reason: 'slow_consumer' })
    expect(t.socket().take('subscribe')).toEqual([{ type: 'subscribe', topic: TOPIC, after: '11-0' }])
    expect(t.seen.states.at(-1)).toBe('reconnecting')
    t.subscribed('11-0')
    expect(t.seen.states.at(-1)).toBe('live')
    expect(t.seen.log).toEqual(['snapshot', 'a', 'resumed'])
  })

  it.each(['unavailable', 'rate_limited'])('asks a topic that is %s again, ever less often', (code) => {
    const t = setUp()
    t.client.start()
    t.client.subscribe(TOPIC, t.listener)
    t.socket().open()
    for (const delayMs of [400, 800, 1600, 3000, 3000]) {
      expect(t.socket().take('subscribe')).toHaveLength(1)
      t.socket().say({ type: 'error', code, topic: TOPIC })
      t.clock.pass(delayMs - 1)
      expect(t.socket().take('subscribe')).toHaveLength(0)
      t.clock.pass(1)
    }
    expect(t.seen.trouble).toBe(5)
    t.subscribed('10-0')
    expect(t.seen.log).toEqual(['snapshot'])
  })

  it('does not insist on a topic that is refused', () => {
    const t = setUp()
    t.client.start()
    t.client.subscribe(TOPIC, t.listener)
    t.socket().open()
    t.socket().say({ type: 'error', code: 'not_found', topic: TOPIC })
    expect(t.seen.log).toEqual(['refused not_found'])
    expect(t.seen.states.at(-1)).toBe('live')
    t.clock.pass(9_000)
    expect(t.socket().take('subscribe')).toHaveLength(1)
  })

  it.each(['unauthenticated', 'session_ended'])('comes back with new cookies on %s, and misses nothing', (code) => {
    const t = setUp()
    t.goLive()
    t.client.subscribe('project:p2', t.listener)
    t.socket().say({ type: 'error', code, topic: 'project:p2' })
    expect(t.sockets[0]?.closed).toBe(true)
    t.clock.pass(0)
    expect(t.sockets).toHaveLength(2)
    t.socket().open()
    expect(t.socket().take('subscribe')).toEqual([
      { type: 'subscribe', topic: TOPIC, after: '10-0' },
      { type: 'subscribe', topic: 'project:p2' },
    ])
    expect(t.seen.log).toEqual(['snapshot'])
  })

  it('is in no hurry when it is told so again and again', () => {
    const t = setUp()
    t.client.start()
    t.client.subscribe(TOPIC, t.listener)
    for (let i = 0; i < 100; i += 1) {
      t.socket().open()
      t.socket().say({ type: 'error', code: 'unauthenticated', topic: TOPIC })
      t.clock.pass(100)
    }
    expect(t.sockets.length).toBeLessThan(10)
  })

  it('ends on 4401 and stays ended', () => {
    const t = setUp()
    t.goLive()
    t.socket().break(4401)
    t.clock.pass(60_000)
    expect(t.seen.ended).toBe(1)
    expect(t.sockets).toHaveLength(1)
  })

  it('ends when a failed handshake turns out to be a lost session', async () => {
    const t = setUp()
    t.client.start()
    t.seen.signedIn = false
    t.socket().break()
    await Promise.resolve()
    await Promise.resolve()
    expect(t.seen.ended).toBe(1)
    t.clock.pass(60_000)
    expect(t.sockets).toHaveLength(1)
  })

  it('waits with a handshake until it can succeed, whatever came of that', async () => {
    const waits: { done: () => void; fail: () => void }[] = []
    const t = setUp(() => new Promise((done, fail) => waits.push({ done, fail })))
    t.client.start()
    expect(t.sockets).toHaveLength(0)
    waits.shift()?.done()
    await settled()
    expect(t.sockets).toHaveLength(1)
    t.socket().break()
    t.clock.pass(0)
    waits.shift()?.fail()
    await settled()
    expect(t.sockets).toHaveLength(2)
  })

  it('makes no handshake that it waited for once it is stopped, nor two', async () => {
    const waits: (() => void)[] = []
    const t = setUp(() => new Promise((done) => waits.push(done)))
    t.client.start()
    t.client.check()
    for (const done of waits.splice(0)) done()
    await settled()
    expect(t.sockets).toHaveLength(1)
    t.socket().break()
    t.clock.pass(0)
    t.client.stop()
    for (const done of waits.splice(0)) done()
    await settled()
    expect(t.sockets).toHaveLength(1)
  })

  it('waits as long as a restarting server asks', () => {
    const t = setUp()
    t.goLive()
    t.socket().break(1012, '{"retry_ms":1000}')
    t.clock.pass(1499)
    expect(t.sockets).toHaveLength(1)
    t.clock.pass(1)
    expect(t.sockets).toHaveLength(2)
  })

  it('survives a restart without a reason', () => {
    const t = setUp()
    t.goLive()
    t.socket().break(1012, 'bye')
    t.clock.pass(300)
    expect(t.sockets).toHaveLength(2)
  })

  it('pings, and reconnects when nothing is heard', () => {
    const t = setUp()
    t.goLive()
    t.clock.pass(20_000)
    expect(t.socket().take('ping')).toHaveLength(1)
    t.socket().say({ type: 'pong' })
    t.clock.pass(20_000)
    expect(t.socket().take('ping')).toHaveLength(1)
    t.clock.pass(9_999)
    expect(t.sockets).toHaveLength(1)
    t.clock.pass(1)
    expect(t.sockets[0]?.closed).toBe(true)
    expect(t.sockets).toHaveLength(2)
  })

  it('tries at once, then waits longer, then calls itself offline', () => {
    const t = setUp()
    t.goLive()
    const delays: number[] = []
    for (let i = 0; i < 10; i += 1) {
      const from = t.clock.now
      const count = t.sockets.length
      t.socket().break()
      while (t.sockets.length === count) t.clock.pass(1)
      delays.push(t.clock.now - from)
    }
    expect(delays).toEqual([1, 400, 800, 1600, 3000, 3000, 3000, 3000, 3000, 3000])
    expect(t.seen.states.at(-1)).toBe('offline')
    t.socket().open()
    t.subscribed('10-0')
    expect(t.seen.states.at(-1)).toBe('live')
  })

  it('comes back at once when the browser is online again', () => {
    const t = setUp()
    t.goLive()
    t.socket().break()
    t.clock.pass(0)
    t.client.setOnline(false)
    t.socket().break()
    expect(t.seen.states.at(-1)).toBe('offline')
    const count = t.sockets.length
    t.client.setOnline(true)
    expect(t.sockets).toHaveLength(count + 1)
  })

  it('listens to the last answer only when a topic was left and taken again', () => {
    const t = setUp()
    t.client.start()
    t.socket().open()
    const leave = t.client.subscribe(TOPIC, t.listener)
    leave()
    t.client.subscribe(TOPIC, t.listener)
    t.subscribed('10-0')
    expect(t.seen.log).toEqual([])
    t.subscribed('12-0')
    expect(t.seen.log).toEqual(['snapshot'])
  })

  it('tells when events come later, and when they are on time again', () => {
    const t = setUp()
    t.goLive()
    t.socket().say({ type: 'status', live: false })
    t.socket().say({ type: 'status', live: true })
    expect(t.seen.log).toEqual(['snapshot', 'delayed', 'on time'])
    expect(t.seen.states.at(-1)).toBe('live')
  })

  it('ignores what it does not understand', () => {
    const t = setUp()
    t.goLive()
    t.socket().onmessage?.({ data: 'no json' } as MessageEvent<unknown>)
    t.socket().say({ type: 'novelty', topic: TOPIC })
    t.socket().say({ type: 'event', topic: 'project:other', position: '1-0', event: {} })
    expect(t.seen.log).toEqual(['snapshot'])
    expect(t.seen.states.at(-1)).toBe('live')
  })
})

describe('retryDelayMs', () => {
  it('stays between 0.2 and 3 seconds after the first try', () => {
    expect(retryDelayMs(0, () => 1)).toBe(0)
    for (let attempt = 1; attempt < 40; attempt += 1) {
      for (const chance of [0, 0.5, 1]) {
        const delayMs = retryDelayMs(attempt, () => chance)
        expect(delayMs).toBeGreaterThanOrEqual(200)
        expect(delayMs).toBeLessThanOrEqual(3000)
      }
    }
  })
})

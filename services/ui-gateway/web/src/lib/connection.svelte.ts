import { account } from './account-api'
import { api, ApiError, tokensReady } from './api'
import { LiveClient, type LiveState, type Socket, type TopicListener } from './live'

// The live connection of this window, and what is known about the server when it is not well.

const DELAYED = 'Changes are saved, live updates are delayed.'
const HEALTH_EVERY_MS = 5_000
const ECHO_WITHIN_MS = 3_000

let state = $state<LiveState>('reconnecting')
let note = $state('')
let ended: () => unknown = () => {}
let askedAt = -Infinity
let lastEventAt = 0
let again: ReturnType<typeof setTimeout> | undefined

function open(): Socket {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
  return new WebSocket(`${scheme}://${location.host}/api/realtime/ws`)
}

const client = new LiveClient({
  ready: tokensReady,
  connect: open,
  after(delayMs, action) {
    const timer = setTimeout(action, delayMs)
    return () => clearTimeout(timer)
  },
  random: Math.random,
  async stillSignedIn() {
    try {
      await account.me()
      return true
    } catch (error) {
      return !(error instanceof ApiError && error.status === 401)
    }
  },
  onState(next) {
    state = next
    if (next === 'live') void askHealth()
  },
  onTrouble: () => void askHealth(),
  onDelay(delayed) {
    note = delayed ? DELAYED : ''
    if (delayed) remindHealth()
  },
  onEnded: () => void ended(),
})

/** Asks only when something looks wrong, and again only for as long as it is. */
async function askHealth(): Promise<void> {
  if (state === 'live' && note === '') return
  if (performance.now() - askedAt < HEALTH_EVERY_MS / 2) return remindHealth()
  askedAt = performance.now()
  try {
    const health = await api.health()
    const streams = health.redis?.['streams']?.status ?? 'ok'
    if (streams !== 'ok') note = DELAYED
    else if (health.status === 'down') note = 'The server cannot store changes right now.'
    else note = ''
  } catch {
    note = ''
  }
  if (note !== '') remindHealth()
}

function remindHealth(): void {
  clearTimeout(again)
  again = setTimeout(() => void askHealth(), HEALTH_EVERY_MS)
}

export const connection = {
  get state() {
    return state
  },
  /** A sentence about what is degraded, or nothing. */
  get note() {
    return note
  },
  start() {
    state = 'reconnecting'
    client.start()
  },
  stop() {
    client.stop()
    clearTimeout(again)
    note = ''
  },
  onEnded(listener: () => unknown) {
    ended = listener
  },
  subscribe(topic: string, listener: TopicListener): () => void {
    return client.subscribe(topic, {
      ...listener,
      event(event) {
        lastEventAt = performance.now()
        note = ''
        listener.event(event)
      },
    })
  },
  /** A change was saved, so its event is due: when none comes, ask what is wrong. */
  expectEcho() {
    const savedAt = performance.now()
    setTimeout(() => {
      if (lastEventAt >= savedAt || state !== 'live') return
      note = DELAYED
      void askHealth()
    }, ECHO_WITHIN_MS)
  },
}

export function watchBrowser(): void {
  addEventListener('online', () => client.setOnline(true))
  addEventListener('offline', () => client.setOnline(false))
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') client.check()
  })
}

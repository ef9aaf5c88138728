import type { Lease } from './renewal'

// What the windows of one browser share. They have the same cookies, so they are signed in and out
// together, and one renews the tokens for all.

export type Message =
  | { type: 'began'; userId: string }
  | { type: 'renewed'; lease: Lease }
  | { type: 'ended'; notice: string }

const NAME = 'devmentor.session'
/** Whoever waits longer goes on alone: the server gives windows that ask at once the same tokens. */
const TURN_WITHIN_MS = 15_000

/** What one window stores reaches the processes of the others a little later. */
const KNOWN_WITHIN_MS = 100

/** One at a time over all windows. A page that came over plain HTTP from another machine has no locks. */
export function alone<T>(action: () => Promise<T>, locks: LockManager | undefined = globalThis.navigator?.locks): Promise<T> {
  if (!locks) return action()
  return new Promise<T>((resolve, reject) => {
    let begun = false
    const turn = async () => {
      begun = true
      await action().then(resolve, reject)
      // The next one has to find what this one left.
      await new Promise((done) => setTimeout(done, KNOWN_WITHIN_MS))
    }
    locks.request(NAME, { signal: AbortSignal.timeout(TURN_WITHIN_MS) }, turn).catch(() => {
      if (!begun) action().then(resolve, reject)
    })
  })
}

const channel = new BroadcastChannel(NAME)

export function tell(message: Message): void {
  channel.postMessage(message)
}

export function hear(listener: (message: Message) => void): void {
  channel.onmessage = (event: MessageEvent<Message>) => {
    if (event.data.type === 'renewed') held = event.data.lease
    listener(event.data)
  }
}

let held: Lease | null = null

export const lease = {
  read(): Lease | null {
    try {
      return parseLease(localStorage.getItem(NAME))
    } catch {
      return held // Storage may be forbidden; then each window knows what it hears.
    }
  },
  write(next: Lease | null): void {
    held = next
    try {
      if (next === null) localStorage.removeItem(NAME)
      else localStorage.setItem(NAME, JSON.stringify(next))
    } catch {
      // See above.
    }
  },
}

function parseLease(text: string | null): Lease | null {
  try {
    const { at, until } = JSON.parse(text ?? '{}') as Lease
    return Number.isFinite(at) && Number.isFinite(until) ? { at, until } : null
  } catch {
    return null // Whatever wrote that, it was not this app.
  }
}

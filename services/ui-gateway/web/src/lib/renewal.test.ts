import { describe, expect, it } from 'vitest'
import { ApiError } from './api'
import { Renewal, type Lease, type Renewed } from './renewal'
import { FakeClock } from './testing/fake-clock'

const LIFE_SECONDS = 300
const refused = (code: string) => new ApiError({ title: 'No', status: 401, code })
const silent = () => new ApiError({ title: 'Silence', status: 0, code: 'network' })
const away = (retryAfterSeconds: number) => new ApiError({ title: 'Away', status: 503, code: 'unavailable' }, retryAfterSeconds)

/** All that is waiting for nothing but its turn goes on. */
const settled = () => new Promise((resolve) => setTimeout(resolve))

/** A browser with windows, and the server it talks to. */
class Browser {
  clock = new FakeClock()
  lease: Lease | null = null
  hasLocks = true
  /** Requests for new tokens that wait for an answer. */
  asked: { answer: () => void; refuse: (error: ApiError) => void }[] = []
  requests = 0
  over: string[] = []
  renewed = 0
  #turn: Promise<unknown> = Promise.resolve()

  constructor() {
    this.clock.now = 1_000_000
  }

  open(): Renewal<Renewed> {
    return new Renewal<Renewed>({
      refresh: () => {
        this.requests += 1
        return new Promise((resolve, reject) => this.asked.push({ answer: () => resolve({ expires_in: LIFE_SECONDS }), refuse: reject }))
      },
      alone: (action) => (this.hasLocks ? this.#inTurn(action) : action()),
      lease: { read: () => this.lease, write: (lease) => (this.lease = lease) },
      after: this.clock.after,
      now: () => this.clock.now,
      random: () => 1,
      onRenewed: () => (this.renewed += 1),
      onOver: (code, known) => this.over.push(known ? code : `${code}, nobody was known`),
    })
  }

  signedIn(): Renewal<Renewed> {
    const window = this.open()
    window.took({ expires_in: LIFE_SECONDS }, this.clock.now)
    window.start()
    return window
  }

  async pass(ms: number): Promise<void> {
    this.clock.pass(ms)
    await settled()
  }

  async answer(): Promise<void> {
    this.asked.shift()?.answer()
    await settled()
  }

  async refuse(error: ApiError): Promise<void> {
    this.asked.shift()?.refuse(error)
    await settled()
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(action)
    this.#turn = result.catch(() => {})
    return result
  }
}

const outcome = (promise: Promise<unknown>) => promise.then(() => 'renewed', (error: ApiError) => error.code)

describe('tokens', () => {
  it('are renewed before they end, again and again', async () => {
    const browser = new Browser()
    browser.signedIn()
    await browser.pass(239_000)
    expect(browser.requests).toBe(0)
    await browser.pass(1_000)
    expect(browser.requests).toBe(1)
    await browser.answer()
    await browser.pass(240_000)
    expect(browser.requests).toBe(2)
  })

  it('of which nothing is known are renewed at once', async () => {
    const browser = new Browser()
    browser.open().start()
    await browser.pass(0)
    expect(browser.requests).toBe(1)
  })

  it('are asked for once, however many requests were refused', async () => {
    const browser = new Browser()
    const window = browser.signedIn()
    await browser.pass(10)
    const since = browser.clock.now
    const waiting = Array.from({ length: 20 }, () => outcome(window.renew(since)))
    await settled()
    await browser.answer()
    expect(await Promise.all(waiting)).toEqual(Array(20).fill('renewed'))
    expect([browser.requests, browser.renewed]).toEqual([1, 1])
  })

  it('that came since a request was sent are not renewed for it again', async () => {
    const browser = new Browser()
    const window = browser.signedIn()
    await browser.pass(10)
    const sentAt = browser.clock.now
    const first = outcome(window.renew(sentAt))
    await settled()
    await browser.pass(50)
    await browser.answer()
    expect(await first).toBe('renewed')
    expect(await outcome(window.renew(sentAt + 20))).toBe('renewed')
    expect(browser.requests).toBe(1)
    void window.renew(browser.clock.now)
    await settled()
    expect(browser.requests).toBe(2)
  })

  it('that are known to be over are waited for before anything is sent', async () => {
    const browser = new Browser()
    const window = browser.signedIn()
    window.stop() // A window that has just been opened has no timer yet.
    expect(window.ready()).toBeNull()
    await browser.pass(300_000)
    const ready = window.ready()
    expect(ready).not.toBeNull()
    await settled()
    await browser.answer()
    await ready
    expect(window.ready()).toBeNull()
  })

  it('live at least for a moment, so that nothing is asked in a circle', async () => {
    const browser = new Browser()
    const window = browser.open()
    window.took({ expires_in: 0 }, browser.clock.now)
    window.start()
    await browser.pass(500)
    expect(browser.requests).toBe(0)
  })
})

describe('two windows', () => {
  it('renew one at a time, and the second finds what the first has got', async () => {
    const browser = new Browser()
    browser.signedIn()
    browser.open().start()
    await browser.pass(240_000)
    expect(browser.requests).toBe(1)
    await browser.answer()
    expect(browser.requests).toBe(1)
    await browser.pass(240_000)
    expect(browser.requests).toBe(2)
  })

  it('without locks may ask at once, and both are answered', async () => {
    const browser = new Browser()
    browser.hasLocks = false
    const a = browser.signedIn()
    const b = browser.open()
    await browser.pass(10)
    const both = [outcome(a.renew(browser.clock.now)), outcome(b.renew(browser.clock.now))]
    await settled()
    expect(browser.requests).toBe(2)
    await browser.answer()
    await browser.answer()
    expect(await Promise.all(both)).toEqual(['renewed', 'renewed'])
  })

  it('without locks stay signed in when only one of them is refused', async () => {
    const browser = new Browser()
    browser.hasLocks = false
    const a = browser.signedIn()
    const b = browser.open()
    await browser.pass(10)
    const both = [outcome(a.renew(browser.clock.now)), outcome(b.renew(browser.clock.now))]
    await settled()
    await browser.pass(10)
    await browser.answer()
    await browser.refuse(refused('session_ended'))
    expect(await Promise.all(both)).toEqual(['renewed', 'renewed'])
    expect(browser.over).toEqual([])
  })

  it('are told once that it is over', async () => {
    const browser = new Browser()
    const a = browser.signedIn()
    const b = browser.open()
    await browser.pass(10)
    const both = [outcome(a.renew(browser.clock.now)), outcome(b.renew(browser.clock.now))]
    await settled()
    await browser.refuse(refused('token_reused'))
    expect(await Promise.all(both)).toEqual(['token_reused', 'session_ended'])
    expect([browser.requests, browser.over]).toEqual([1, ['token_reused']])
  })

  it('go by what the other one tells', async () => {
    const browser = new Browser()
    const window = browser.signedIn()
    await browser.pass(230_000)
    browser.lease = { at: browser.clock.now, until: browser.clock.now + 300_000 }
    window.check()
    await browser.pass(230_000)
    expect(browser.requests).toBe(0)
  })
})

describe('a sign-in', () => {
  it.each(['session_ended', 'token_reused', 'unauthenticated'])('is over when the server says %s', async (code) => {
    const browser = new Browser()
    const window = browser.signedIn()
    await browser.pass(10)
    const first = outcome(window.renew(browser.clock.now))
    await settled()
    await browser.refuse(refused(code))
    expect(await first).toBe(code)
    expect([browser.over, browser.lease]).toEqual([[code], null])
    await browser.pass(1_000_000)
    expect(browser.requests).toBe(1)
  })

  it.each([400, 401, 403, 422])('is not over because something in between answers %i', async (status) => {
    const browser = new Browser()
    const window = browser.signedIn()
    await browser.pass(10)
    const first = outcome(window.renew(browser.clock.now))
    await settled()
    await browser.refuse(new ApiError({ title: 'No', status, code: 'internal' }))
    expect(await first).toBe('internal')
    expect(browser.over).toEqual([])
    await browser.pass(240_000)
    await browser.answer()
    expect(browser.renewed).toBe(1)
  })

  it('that never was is told apart', async () => {
    const browser = new Browser()
    const window = browser.open()
    const first = outcome(window.renew(browser.clock.now))
    await settled()
    await browser.refuse(refused('unauthenticated'))
    expect(await first).toBe('unauthenticated')
    expect(browser.over).toEqual(['unauthenticated, nobody was known'])
  })

  it('outlives an outage: it is tried again, later and later, until the server answers', async () => {
    const browser = new Browser()
    const window = browser.signedIn()
    await browser.pass(240_000)
    for (let i = 0; i < 8; i += 1) {
      await browser.refuse(silent())
      await browser.pass(30_000)
    }
    expect(browser.requests).toBe(9)
    await browser.answer()
    expect([browser.over, browser.renewed]).toEqual([[], 1])
    expect(window.ready()).toBeNull()
  })

  it('is not waited for in a busy circle', async () => {
    const browser = new Browser()
    browser.signedIn()
    await browser.pass(240_000)
    for (let i = 0; i < 100; i += 1) {
      await browser.refuse(silent())
      await browser.pass(100)
    }
    expect(browser.requests).toBeLessThan(7)
  })

  it('lets requests try with what there is while the server is silent', async () => {
    const browser = new Browser()
    const window = browser.signedIn()
    await browser.pass(300_000)
    const ready = window.ready()
    await settled()
    while (browser.asked.length > 0) await browser.refuse(silent())
    await expect(ready).resolves.toBeUndefined()
  })

  it('leaves a busy server alone for as long as it asks', async () => {
    const browser = new Browser()
    const window = browser.signedIn()
    await browser.pass(240_000)
    await browser.refuse(away(20))
    expect(await outcome(window.renew(browser.clock.now))).toBe('unavailable')
    window.check()
    await browser.pass(19_000)
    expect(browser.requests).toBe(1)
    await browser.pass(1_000)
    expect(browser.requests).toBe(2)
  })

  it('is looked after as soon as a sleeping window wakes', async () => {
    const browser = new Browser()
    const window = browser.signedIn()
    browser.clock.now += 8 * 3_600_000 // Timers slept, too.
    window.check()
    await browser.pass(0)
    expect(browser.requests).toBe(1)
  })

  it('is not kept by the word of a clock that was wrong', async () => {
    const browser = new Browser()
    const window = browser.signedIn()
    browser.clock.now -= 3_600_000
    await settled()
    const first = outcome(window.renew(browser.clock.now))
    await settled()
    await browser.answer()
    expect(await first).toBe('renewed')
    expect(browser.requests).toBe(1)
  })
})

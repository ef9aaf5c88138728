import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { account } from './account-api'
import { api, ApiError, send, useTokens, type Tokens } from './api'

let answers: (Response | Error)[]
let sent: string[]
let renewals: number
let gaveUp: string[]
let ready: Promise<void> | null
let renew: Tokens['renew']

const problem = (status: number, code: string, headers: Record<string, string> = {}) =>
  Response.json({ title: 'No', status, code }, { status, headers })

beforeEach(() => {
  answers = []
  sent = []
  renewals = 0
  gaveUp = []
  ready = null
  renew = async () => void (renewals += 1)
  vi.stubGlobal('fetch', async (path: string, init: RequestInit) => {
    sent.push(`${init.method} ${path} ${typeof init.body === 'string' ? init.body : ''}`.trim())
    const answer = answers.shift() ?? Response.json({})
    if (answer instanceof Error) throw answer
    return answer
  })
  useTokens({ ready: () => ready, renew: (since) => renew(since), giveUp: (code) => gaveUp.push(code) })
})

afterEach(() => vi.unstubAllGlobals())

describe('a request', () => {
  it.each(['unauthenticated', 'session_ended'])('that is refused as %s goes again with new tokens', async (code) => {
    answers = [problem(401, code), Response.json({ id: 't' })]
    await expect(api.createTask('p', { title: 'T' }, 'key')).resolves.toEqual({ id: 't' })
    expect(sent).toEqual(Array(2).fill('POST /api/projects/p/tasks {"title":"T"}'))
    expect([renewals, gaveUp]).toEqual([1, []])
  })

  it('goes again once: who is refused with new tokens is signed out', async () => {
    answers = [problem(401, 'unauthenticated'), problem(401, 'session_ended')]
    await expect(api.profile()).rejects.toMatchObject({ code: 'session_ended' })
    expect([sent.length, renewals, gaveUp]).toEqual([2, 1, ['session_ended']])
  })

  it('says that the server is away when the tokens could not be renewed', async () => {
    answers = [problem(401, 'unauthenticated')]
    renew = async () => {
      throw new ApiError({ title: 'Away', status: 503, code: 'unavailable' }, 2)
    }
    const error = await api.profile().catch((refusal: unknown) => refusal)
    expect(error).toMatchObject({ code: 'unavailable', transient: true })
    expect([sent.length, gaveUp]).toEqual([1, []])
  })

  it.each([
    [403, 'forbidden'],
    [401, 'invalid_credentials'],
    [503, 'unavailable'],
  ])('that fails with %i %s is not about the tokens', async (status, code) => {
    answers = [problem(status, code)]
    await expect(api.profile()).rejects.toMatchObject({ code })
    expect([sent.length, renewals, gaveUp]).toEqual([1, 0, []])
  })

  it('waits where the tokens are known to be over', async () => {
    let arrive = () => {}
    ready = new Promise((resolve) => (arrive = resolve))
    const asked = api.profile()
    expect(sent).toEqual([])
    arrive()
    await asked
    expect(sent).toHaveLength(1)
  })

  it('of somebody who need not be signed in is not about tokens at all', async () => {
    ready = new Promise(() => {})
    answers = [problem(401, 'unauthenticated')]
    await expect(account.undoEmailChange('t')).rejects.toMatchObject({ status: 401 })
    expect([renewals, gaveUp]).toEqual([0, []])
  })

  it('with a body that is a file or a stream of events is renewed for as well', async () => {
    answers = [problem(401, 'unauthenticated'), new Response('data')]
    const response = await send('/api/projects/p/import', { method: 'POST', body: new Blob(['{}']) })
    expect(await response.text()).toBe('data')
    expect(renewals).toBe(1)
  })

  it('tells how long the server asks to wait', async () => {
    answers = [problem(429, 'rate_limited', { 'retry-after': '42' }), problem(503, 'unavailable', { 'retry-after': 'soon' })]
    await expect(account.requestReset('a@b.c')).rejects.toMatchObject({ retryAfterSeconds: 42 })
    await expect(account.requestReset('a@b.c')).rejects.toMatchObject({ retryAfterSeconds: null })
  })

  it('may be answered with nothing', async () => {
    answers = [new Response(null, { status: 202 }), new Response(null, { status: 204 })]
    await expect(account.requestReset('a@b.c')).resolves.toBeUndefined()
    await expect(account.endOtherDevices()).resolves.toBeUndefined()
  })

  it('that never arrived says so', async () => {
    answers = [new TypeError('Failed to fetch')]
    await expect(account.refresh()).rejects.toMatchObject({ status: 0, code: 'network', transient: true })
  })
})

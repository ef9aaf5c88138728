import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Message } from './windows'

/** The locks of a browser, as far as they are used. */
function fakeLocks() {
  let turn: Promise<unknown> = Promise.resolve()
  const request = (_name: string, options: { signal: AbortSignal }, action: () => Promise<unknown>) => {
    const granted = Promise.race([
      turn,
      new Promise((_, fail) => options.signal.addEventListener('abort', () => fail(new DOMException('Late', 'TimeoutError')))),
    ])
    const result = granted.then(action)
    turn = result.catch(() => {})
    return result
  }
  return { request } as unknown as LockManager
}

let stored: Map<string, string>

beforeEach(() => {
  stored = new Map()
  vi.stubGlobal('localStorage', {
    getItem: (name: string) => stored.get(name) ?? null,
    setItem: (name: string, value: string) => stored.set(name, value),
    removeItem: (name: string) => stored.delete(name),
  })
})

afterEach(() => {
  vi.unstubAllGlobals()
  vi.resetModules()
})

const windows = () => import('./windows')

it('take turns', async () => {
  const { alone } = await windows()
  const locks = fakeLocks()
  const log: string[] = []
  const job = (name: string) => async () => {
    log.push(`${name} begins`)
    await new Promise((resolve) => setTimeout(resolve))
    log.push(`${name} ends`)
    return name
  }
  expect(await Promise.all([alone(job('a'), locks), alone(job('b'), locks)])).toEqual(['a', 'b'])
  expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends'])
})

it('tell what an action failed with, and do it once', async () => {
  const { alone } = await windows()
  const action = vi.fn(async () => {
    throw new Error('no')
  })
  await expect(alone(action, fakeLocks())).rejects.toThrow('no')
  expect(action).toHaveBeenCalledTimes(1)
})

it('go on alone where there are no locks, or where the turn does not come', async () => {
  const { alone } = await windows()
  expect(await alone(async () => 'done', undefined)).toBe('done')
  const never = { request: async () => Promise.reject(new DOMException('Late', 'TimeoutError')) } as unknown as LockManager
  expect(await alone(async () => 'done', never)).toBe('done')
})

it('share what is known of the tokens', async () => {
  const { lease } = await windows()
  expect(lease.read()).toBeNull()
  lease.write({ at: 1, until: 2 })
  expect([...stored.values()]).toEqual(['{"at":1,"until":2}'])
  expect(lease.read()).toEqual({ at: 1, until: 2 })
  lease.write(null)
  expect(stored.size).toBe(0)
})

it.each(['', '{', '[]', '{"at":"1","until":2}', 'null'])('take %j for nothing', async (text) => {
  const { lease } = await windows()
  lease.write({ at: 1, until: 2 })
  for (const name of stored.keys()) stored.set(name, text)
  expect(lease.read()).toBeNull()
})

it('go by what they hear where nothing can be stored', async () => {
  const forbidden = () => {
    throw new DOMException('No', 'SecurityError')
  }
  vi.stubGlobal('localStorage', { getItem: forbidden, setItem: forbidden, removeItem: forbidden })
  const { hear, lease } = await windows()
  const heard = new Promise<Message>((resolve) => hear(resolve))
  const other = new BroadcastChannel('devmentor.session')
  other.postMessage({ type: 'renewed', lease: { at: 3, until: 4 } })
  expect(await heard).toMatchObject({ type: 'renewed' })
  expect(lease.read()).toEqual({ at: 3, until: 4 })
  other.close()
})

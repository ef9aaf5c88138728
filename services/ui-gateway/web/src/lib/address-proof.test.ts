import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { AddressProof } from './address-proof.svelte'
import { ApiError } from './api'
import type { User } from './api-types'

const ada = { id: 'ada', email: 'ada@example.org' } as User
const eve = { id: 'eve', email: 'eve@example.org' } as User

/** What the server was asked, in order. */
let asked: unknown[]
let here: () => User
let answer: () => Response
let proof: AddressProof

const refusal = (status: number, code: string) => () => Response.json({ title: 'No', status, code }, { status })

beforeEach(() => {
  asked = []
  here = () => ada
  answer = () => new Response(null, { status: 204 })
  vi.stubGlobal('fetch', async (_: string, init: RequestInit) => {
    asked.push(JSON.parse(init.body as string))
    return answer()
  })
  proof = new AddressProof('t', async () => {
    asked.push('who')
    return here()
  })
})

afterEach(() => vi.unstubAllGlobals())

const bySession = () => proof.form.run(() => proof.bySession(ada))
const byPassword = () => proof.form.run(() => proof.byPassword('secret'))
const takeOver = () => proof.form.run(() => proof.takeOver('a new one'))

describe('proving an address', () => {
  it('by the session looks that it is still there, and what the account is afterwards', async () => {
    await bySession()
    expect(asked).toEqual(['who', { token: 't' }, 'who'])
    expect([proof.done, proof.spent]).toEqual([true, false])
  })

  it('by a session that is over, or another account’s by now, sends nothing that would end what is there', async () => {
    here = () => eve
    await bySession()
    here = () => {
      throw new ApiError({ title: 'Over', status: 401, code: 'session_ended' })
    }
    await bySession()
    expect(asked).toEqual(['who', 'who'])
    expect([proof.done, proof.spent]).toEqual([false, false])
  })

  it('of another account than the one signed in goes on by its password', async () => {
    answer = refusal(403, 'reauthentication_required')
    await bySession()
    expect([proof.done, proof.foreign, proof.form.problem]).toEqual([false, true, ''])
    answer = () => new Response(null, { status: 204 })
    await byPassword()
    expect(asked.at(-1)).toEqual({ token: 't', password: 'secret' })
    expect(proof.done).toBe(true)
  })

  it('takes no wrong password for a link that is over', async () => {
    answer = refusal(401, 'invalid_credentials')
    await byPassword()
    expect([proof.spent, proof.form.problem]).toEqual([false, 'No'])
    await takeOver()
    expect([proof.spent, asked.at(-1)]).toEqual([true, { token: 't', new_password: 'a new one' }])
    proof.form.clear()
    await bySession()
    expect(proof.spent).toBe(true)
  })
})

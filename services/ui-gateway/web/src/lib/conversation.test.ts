import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Conversation } from './conversation.svelte'
import type { MentorReply as Reply } from './api-types'
import type { TaskBoard } from './task-action'

interface Asked {
  path: string
  headers: Record<string, string>
  body: Record<string, unknown>
}

const BOARD = { projectId: 'p1' } as TaskBoard

const reply = (message_id: string): Reply => ({
  conversation_id: 'c1', message_id, reply: 'Start with KEY-1.', style: { tone: 'direct' }, references: [],
  suggestions: [
    { kind: 'close', task_id: 't1', label: 'Close KEY-1' },
    { kind: 'later_invention', task_id: 't1', label: 'Unknown' },
  ],
  cached: false, source: 'built_in', profile_version: 0,
})

const event = (type: string, data: unknown) => `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`
const stream = (...events: string[]) =>
  new Response(events.join(''), { headers: { 'content-type': 'text/event-stream; charset=utf-8' } })
const problem = (status: number, code: string, detail: string) =>
  new Response(JSON.stringify({ title: 'No', status, code, detail }), { status, headers: { 'content-type': 'application/problem+json' } })

let asked: Asked[]
let answers: (() => Response | Promise<Response>)[]
let talk: Conversation

beforeEach(() => {
  asked = []
  answers = []
  talk = new Conversation(BOARD)
  vi.stubGlobal('fetch', async (path: string, init: RequestInit) => {
    asked.push({ path, headers: init.headers as Record<string, string>, body: JSON.parse(String(init.body)) })
    if (path !== '/api/ai/chat') return new Response('{}', { status: 202 })
    return (answers.shift() as () => Response | Promise<Response>)()
  })
})

afterEach(() => vi.unstubAllGlobals())

const chats = () => asked.filter((each) => each.path === '/api/ai/chat')
const last = () => talk.exchanges.at(-1)

describe('a conversation', () => {
  it('asks for a stream, shows the reply as it comes and goes on where it was', async () => {
    const seen: string[] = []
    answers = [
      () => stream(event('delta', { text: 'Start ' }), event('delta', { text: 'here' }), event('done', reply('m1'))),
      () => stream(event('done', reply('m2'))),
    ]
    const asking = talk.ask('  What next?  ')
    expect(talk.busy).toBe(true)
    void talk.ask('Impatient')
    seen.push(last()?.phase ?? '')
    await asking
    expect(chats()).toHaveLength(1)
    expect(chats()[0]?.headers['accept']).toBe('text/event-stream')
    expect(chats()[0]?.body).toEqual({ project_id: 'p1', message: 'What next?' })
    expect(seen).toEqual(['asking'])
    expect(last()).toMatchObject({ phase: 'answered', text: 'Start with KEY-1.', problem: '' })
    expect(last()?.offers.map((offer) => offer.suggestion.kind)).toEqual(['close'])
    await talk.ask('And then?')
    expect(chats()[1]?.body).toEqual({ project_id: 'p1', conversation_id: 'c1', message: 'And then?' })
    expect(chats()[1]?.headers['idempotency-key']).not.toBe(chats()[0]?.headers['idempotency-key'])
    expect(asked.filter((each) => each.path === '/api/interactions').map((each) => each.body)).toEqual([
      { message_id: 'm1', kind: 'followed_up' },
    ])
  })

  it('takes a reply that is told again as a whole', async () => {
    answers = [() => Response.json(reply('m1'))]
    await talk.ask('What next?')
    expect(last()?.reply?.message_id).toBe('m1')
  })

  it('keeps what was typed and not asked', async () => {
    answers = [() => stream(event('done', reply('m1'))), () => stream(event('done', reply('m2')))]
    talk.draft = 'Half a thought'
    await talk.ask('A starter')
    expect(talk.draft).toBe('Half a thought')
    await talk.ask(talk.draft)
    expect(talk.draft).toBe('')
    await talk.ask('   ')
    expect(talk.exchanges).toHaveLength(2)
  })

  it.each<[string, () => Response | Promise<Response>, RegExp]>([
    ['a refusal', () => problem(503, 'unavailable', 'the streams Redis is away'), /^the streams Redis is away\. What cannot be kept is not accepted/],
    ['an error in the stream', () => stream(event('delta', { text: 'St' }), event('error', { title: 'Gone', status: 503, code: 'unavailable' })), /^Gone\. What cannot be kept/],
    ['a stream that breaks off', () => stream(event('delta', { text: 'Sta' })), /^The connection ended before the reply did\..*try again/],
    ['a stream of nonsense', () => stream('event: delta\ndata: {\n\n'), /^The connection ended/],
    ['a server out of reach', () => Promise.reject(new TypeError('failed')), /^The server cannot be reached right now\./],
  ])('asks again after %s without typing, with the same key', async (_, failing, text) => {
    answers = [failing, () => stream(event('done', reply('m1')))]
    await talk.ask('What next?')
    expect(last()?.phase).toBe('failed')
    expect(last()?.problem).toMatch(text)
    const again = talk.retry()
    expect(last()).toMatchObject({ phase: 'asking', text: '', problem: '' })
    await again
    expect(last()?.phase).toBe('answered')
    const [first, second] = chats()
    expect(second?.body).toEqual(first?.body)
    expect(second?.headers['idempotency-key']).toBe(first?.headers['idempotency-key'])
    await talk.retry()
    expect(chats()).toHaveLength(2)
  })

  it('says of a refusal for good only what it is', async () => {
    answers = [() => problem(422, 'invalid', 'message is too long')]
    await talk.ask('x')
    expect(last()?.problem).toBe('message is too long.')
  })

  it('begins anew where the old one is not kept any more', async () => {
    answers = [
      () => stream(event('done', reply('m1'))),
      () => problem(404, 'not_found', 'No such conversation'),
      () => stream(event('done', reply('m2'))),
    ]
    await talk.ask('One')
    await talk.ask('Two')
    await talk.retry()
    expect(chats()[2]?.body).toEqual({ project_id: 'p1', message: 'Two' })
    expect(last()?.phase).toBe('answered')
  })

  it('drops a question that was never answered when another one is asked', async () => {
    answers = [() => problem(503, 'unavailable', 'away'), () => stream(event('done', reply('m1')))]
    await talk.ask('One')
    await talk.ask('Two')
    expect(talk.exchanges.map((exchange) => exchange.message)).toEqual(['Two'])
  })

  it('forgets all on a new start, also what is still on its way', async () => {
    let arrive = (_: Response) => {}
    answers = [() => new Promise((resolve) => (arrive = resolve)), () => stream(event('done', reply('m2')))]
    const asking = talk.ask('One')
    talk.restart()
    arrive(stream(event('done', reply('m1'))))
    await asking
    expect(talk.exchanges).toEqual([])
    await talk.ask('Two')
    expect(chats()[1]?.body).not.toHaveProperty('conversation_id')
    expect(last()?.reply?.message_id).toBe('m2')
  })
})

describe('a rating', () => {
  it('counts once a click, and again with the same key when it was not taken', async () => {
    answers = [() => stream(event('done', reply('m1')))]
    await talk.ask('One')
    const rating = last()?.rating
    if (!rating) throw new Error('no rating')
    let status = 503
    vi.stubGlobal('fetch', async (path: string, init: RequestInit) => {
      asked.push({ path, headers: init.headers as Record<string, string>, body: JSON.parse(String(init.body)) })
      return status === 503 ? problem(503, 'unavailable', 'Redis is away') : new Response('{}', { status })
    })
    const ratings = () => asked.filter((each) => each.path === '/api/feedback')
    await Promise.all([rating.give(5, 3), rating.give(4, 3)])
    expect(rating).toMatchObject({ phase: 'failed', value: 5, versionBefore: 3 })
    expect(rating.problem).toMatch(/^Redis is away\. What cannot be kept is not accepted, so your rating was not\./)
    status = 202
    await rating.give(5, 3)
    expect(rating).toMatchObject({ phase: 'counted', problem: '' })
    await rating.give(5, 4)
    expect(ratings().map((each) => each.body['rating'])).toEqual([5, 5, 5])
    expect(ratings()[0]?.body).toEqual({ target_type: 'mentor_reply', target_id: 'm1', rating: 5 })
    const keys = ratings().map((each) => each.headers['idempotency-key'])
    expect(keys[1]).toBe(keys[0])
    expect(keys[2]).not.toBe(keys[0])
  })
})

import { describe, expect, it } from 'vitest'
import { destination, neighbour } from './board-keys'
import { filterColumns } from './board-filter'
import { CommentsModel } from './comments-model'
import { formatDay, isOverdue } from './dates'
import { readLines } from './import-archive'
import { parseLabels } from './labels'
import { linkify } from './linkify'
import { OnceKey } from './once-key'
import { PROJECT_KEY, suggestKey } from './project-key'
import { parseRoute, returnPath } from './router'
import { changeOf, rebase } from './task-draft'
import type { Columns } from './board-model'
import type { Comment, Task } from './api-types'

describe('suggestKey', () => {
  it.each([
    ['Encrypted Client Hello', 'ECH'],
    ['Website', 'WEB'],
    ['Café', 'CAFE'],
    ['api', 'API'],
    ['Web 2', 'W2'],
    ['2nd Edition Book', 'EB'],
    ['one two three four five six seven', 'OTTFF'],
    ['x', ''],
    ['', ''],
    ['42', ''],
    ['日本語', ''],
  ])('%s gives %s', (name, key) => {
    expect(suggestKey(name)).toBe(key)
    if (key) expect(key).toMatch(PROJECT_KEY)
  })
})

describe('routes', () => {
  it('are exactly those that the server answers', () => {
    expect(parseRoute('/')).toEqual({ name: 'projects' })
    expect(parseRoute('/sign-in')).toEqual({ name: 'sign-in' })
    expect(parseRoute('/projects/a')).toEqual({ name: 'project', projectId: 'a', taskId: null })
    expect(parseRoute('/projects/a/tasks/b')).toEqual({ name: 'project', projectId: 'a', taskId: 'b' })
    for (const path of ['/projects', '/projects/a/tasks', '/x', '/sign-in/x', '/api/docs', '/projects/a/b/c']) {
      expect(parseRoute(path)).toEqual({ name: 'unknown' })
    }
  })

  it('lead back only into this app', () => {
    expect(returnPath('?next=%2Fprojects%2Fa')).toBe('/projects/a')
    for (const next of ['//evil.example', 'https://evil.example', '/\\evil.example', '/api/docs', '']) {
      expect(returnPath(`?next=${encodeURIComponent(next)}`)).toBe('/')
    }
  })
})

describe('arrow keys', () => {
  const card = (id: string) => ({ id }) as Task
  const columns: Columns = { todo: ['a', 'b', 'c'].map(card), in_progress: [], in_review: [card('d')], done: [] }

  it('go to the neighbours and skip empty columns', () => {
    expect(neighbour(columns, 'a', 'ArrowDown')).toBe('b')
    expect(neighbour(columns, 'a', 'ArrowUp')).toBeNull()
    expect(neighbour(columns, 'c', 'ArrowRight')).toBe('d')
    expect(neighbour(columns, 'd', 'ArrowRight')).toBeNull()
    expect(neighbour(columns, 'd', 'ArrowLeft')).toBe('a')
  })

  it('move by one place or one column', () => {
    expect(destination(columns, 'a', 'ArrowDown')).toEqual({ status: 'todo', index: 1 })
    expect(destination(columns, 'c', 'ArrowDown')).toBeNull()
    expect(destination(columns, 'c', 'ArrowRight')).toEqual({ status: 'in_progress', index: 0 })
    expect(destination(columns, 'a', 'ArrowLeft')).toBeNull()
  })

  it('see what the filter leaves', () => {
    const task = (id: string, title: string) => ({ id, ref: id, title, labels: ['bug'], author: { user_id: null, name: 'Ann' } }) as unknown as Task
    const all: Columns = { ...columns, todo: [task('a', 'Fix login'), task('b', 'Write docs')], in_review: [] }
    expect(filterColumns(all, ' ANN login').todo.map((found) => found.id)).toEqual(['a'])
    expect(filterColumns(all, '  ')).toBe(all)
  })
})

describe('comments', () => {
  const comment = (id: string, at: string, version = 1, body = '') =>
    ({ id, created_at: at, version, body }) as Comment

  it('are read oldest first, go by versions and stay deleted', () => {
    const model = new CommentsModel()
    model.put(comment('b', '2026-01-02'))
    model.put(comment('a', '2026-01-01', 2, 'new'))
    expect(model.put(comment('a', '2026-01-01', 1, 'old'))).toBe(false)
    expect(model.inOrder().map((each) => each.id)).toEqual(['a', 'b'])
    expect(model.inOrder()[0]?.body).toBe('new')
    model.remove('a')
    expect(model.put(comment('a', '2026-01-01', 3))).toBe(false)
  })

  it('stay as they are until the newest text is read', () => {
    const model = new CommentsModel()
    const told = (id: string, version: number, isNew = false) => model.announce({ id, task_id: 't', version, isNew })
    model.put(comment('a', '2026-01-01', 1, 'old'))
    told('a', 3)
    told('a', 2)
    expect([[...model.outdated()], model.isIncomplete, model.inOrder()[0]?.body]).toEqual([['a'], true, 'old'])
    model.update(comment('a', '2026-01-01', 2, 'older'))
    expect(model.isIncomplete).toBe(true)
    model.update(comment('a', '2026-01-01', 3, 'whole'))
    told('a', 3)
    expect([[...model.outdated()], model.isIncomplete, model.inOrder()[0]?.body]).toEqual([[], false, 'whole'])
  })

  it('are missing when they are new, and not when they are earlier than those that were read', () => {
    const model = new CommentsModel()
    const told = (id: string, isNew: boolean) => model.announce({ id, task_id: 't', version: 2, isNew })
    told('earlier', false)
    expect(model.isIncomplete).toBe(false)
    model.update(comment('earlier', '2026-01-01', 2))
    expect(model.inOrder()).toEqual([])
    // A page that was read before that change.
    model.put(comment('earlier', '2026-01-01', 1))
    expect([...model.outdated()]).toEqual(['earlier'])
    model.remove('earlier')
    told('new', true)
    expect(model.isIncomplete).toBe(true)
    model.remove('new')
    told('new', true)
    expect(model.isIncomplete).toBe(false)
  })
})

describe('a draft that meets a newer version', () => {
  const base = { title: 'A', description: 'one', labels: 'x', due_on: '' }

  it('keeps what was typed, follows what was not, and names the conflicts', () => {
    const typed = { ...base, title: 'B', labels: 'y' }
    const stored = { ...base, title: 'C', description: 'two', labels: 'y' }
    const merged = rebase(typed, base, stored)
    expect(merged.draft).toEqual({ title: 'B', description: 'two', labels: 'y', due_on: '' })
    expect(merged.conflicts).toEqual(['title'])
    expect(changeOf(merged.draft, stored)).toEqual({ title: 'B' })
  })

  it('sends only what changed', () => {
    expect(changeOf({ ...base, due_on: '2026-02-01' }, base)).toEqual({ due_on: '2026-02-01' })
    expect(changeOf({ ...base, due_on: '' }, { ...base, due_on: '2026-02-01' })).toEqual({ due_on: null })
    expect(changeOf({ ...base, labels: 'x, y,, x' }, base)).toEqual({ labels: ['x', 'y'] })
    expect(changeOf(base, base)).toEqual({})
  })
})

describe('texts', () => {
  it('are cut at web addresses and nowhere else', () => {
    const text = 'See (https://example.org/a_(b)), or http://x.test/?q=1. <https://y.test>\nDone'
    const pieces = linkify(text)
    expect(pieces.map((piece) => piece.text).join('')).toBe(text)
    expect(pieces.flatMap((piece) => piece.href ?? [])).toEqual([
      'https://example.org/a_(b)', 'http://x.test/?q=1', 'https://y.test',
    ])
    expect(linkify('javascript:alert(1)')).toEqual([{ text: 'javascript:alert(1)', href: null }])
  })

  it('of labels are lists', () => {
    expect(parseLabels(' bug,  needs review ,, bug')).toEqual(['bug', 'needs review'])
  })

  it('of days are days, whatever the time zone', () => {
    const now = new Date(2026, 0, 31, 23, 59)
    expect(isOverdue('2026-01-31', now)).toBe(false)
    expect(isOverdue('2026-01-30', now)).toBe(true)
    expect(formatDay('2026-01-31', now)).toContain('31')
    expect(formatDay('nonsense')).toBe('nonsense')
  })
})

describe('an idempotency key', () => {
  it('stays for the same wish and changes for another', () => {
    const once = new OnceKey()
    const first = once.for('a')
    expect(first).toMatch(/^[0-9a-f]{32}$/)
    expect(once.for('a')).toBe(first)
    expect(once.for('b')).not.toBe(first)
    const second = once.for('b')
    once.done()
    expect(once.for('b')).not.toBe(second)
  })
})

describe('lines of a stream', () => {
  it('come whole, wherever the pieces are cut', async () => {
    const bytes = new TextEncoder().encode('{"a":"é"}\n\n{"b":1}\n{"c":2}')
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const byte of bytes) controller.enqueue(new Uint8Array([byte]))
        controller.close()
      },
    })
    const lines: string[] = []
    for await (const line of readLines(body)) lines.push(line)
    expect(lines).toEqual(['{"a":"é"}', '{"b":1}', '{"c":2}'])
  })
})

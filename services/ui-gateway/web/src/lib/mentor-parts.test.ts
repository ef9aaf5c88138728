import { describe, expect, it } from 'vitest'
import { linkReply } from './mentions'
import type { GlanceChange as Change, GlanceChanges as Changes, LearningProfile as Profile } from './api-types'
import { dimensionsOf, isAdaptation, isProfile, movedText, percentText, ProfileModel, reasonsOf } from './profile-model'
import { changesText, changeText, isOpenable } from './summary'

function profile(version: number, concise = 0.5): Profile {
  return {
    user_id: 'u1', version, feedback_count: version, average_rating: null, updated_at: null,
    style: { tone: { supportive: 0.5, direct: 0.5 }, verbosity: { detailed: 1 - concise, concise } },
  }
}

describe('a profile', () => {
  it('only moves forward, whichever way it is told', () => {
    const model = new ProfileModel()
    expect(model.current).toBeNull()
    expect(model.take(profile(0))).toBe(true)
    expect(model.take(profile(0))).toBe(false)
    expect(model.take(profile(3, 0.7))).toBe(true)
    expect(model.take(profile(2, 0.6))).toBe(false)
    expect(model.take(profile(3, 0.1))).toBe(false)
    expect(model.current?.style['verbosity']?.['concise']).toBe(0.7)
    expect(model.previous?.version).toBe(0)
    expect([model.at(0)?.version, model.at(2), model.at(3)?.version]).toEqual([0, null, 3])
  })

  it('remembers the last versions and no more', () => {
    const model = new ProfileModel()
    for (let version = 0; version < 50; version += 1) model.take(profile(version))
    expect(model.at(29)).toBeNull()
    expect(model.at(30)?.version).toBe(30)
  })

  it('is shown in one order, with how far each choice moved', () => {
    const shown = dimensionsOf({ ...profile(2, 0.62), style: { ...profile(2, 0.62).style, humour: { dry: 1 } } }, profile(1))
    expect(shown.map((dimension) => dimension.name)).toEqual(['verbosity', 'tone', 'humour'])
    expect(shown[0]?.bars.map((bar) => [bar.choice, percentText(bar.probability), movedText(bar.moved)])).toEqual([
      ['concise', '62%', '+12'],
      ['detailed', '38%', '-12'],
    ])
    expect(shown[1]?.bars.map((bar) => movedText(bar.moved))).toEqual(['', ''])
    expect(dimensionsOf(profile(2, 0.62), null)[0]?.bars[0]?.moved).toBe(0)
    expect([percentText(1 / 3), movedText(0.0312), movedText(-0.0002)]).toEqual(['33.3%', '+3.1', ''])
  })

  it('says why a reply is as it is', () => {
    const style = { tone: 'direct', verbosity: 'concise', form: 'steps' }
    expect(reasonsOf(style, profile(1, 0.8))).toEqual([
      { name: 'verbosity', choice: 'concise', probability: 0.8 },
      { name: 'form', choice: 'steps', probability: null },
      { name: 'tone', choice: 'direct', probability: 0.5 },
    ])
    expect(reasonsOf(style, null)[0]?.probability).toBeNull()
  })

  it('of another shape is none', () => {
    expect(isProfile(profile(1))).toBe(true)
    for (const data of [null, 'x', {}, { version: '1', style: {} }, { version: 1, style: null }]) expect(isProfile(data)).toBe(false)
    expect(isAdaptation({ profile_version: 2, previous_version: 1 })).toBe(true)
    expect(isAdaptation({ profile_version: 2 })).toBe(false)
  })
})

describe('changes since someone was here', () => {
  const changes = (total: number, by_type: Record<string, number>): Changes => ({ since: '1-0', total, by_type, latest: [] })

  it('are counted in words', () => {
    const many = { 'devmentor.comment.added.v1': 1, 'devmentor.task.created.v1': 2, 'devmentor.task.completed.v1': 3 }
    expect(changesText(changes(6, many))).toBe('6 changes since you were here: 3 tasks done, 2 new, 1 comment')
    expect(changesText(changes(1, { 'task.completed': 1 }))).toBe('1 change since you were here: 1 task done')
    expect(changesText(changes(3, { 'task.moved': 1, 'workflow.started': 2 }))).toBe('3 changes since you were here: 1 moved, 2 other')
    expect(changesText(changes(2, { 'workflow.started': 2 }))).toBe('2 changes since you were here')
    expect(changesText(changes(1500, { 'task.created': 1500 }))).toBe('1,500 changes since you were here: 1,500 new')
    expect(changesText(changes(10_001, { 'task.created': 10_001 }))).toMatch(/^More than 10,000 changes/)
  })

  it('are named one by one, and lead to what is still there', () => {
    const change = (type: string, task_id: string | null = 't1') => ({ type, task_id }) as Change
    expect(changeText(change('devmentor.task.completed.v1'))).toBe('done')
    expect(changeText(change('devmentor.workflow.step_done.v2'))).toBe('workflow step done')
    expect(isOpenable(change('devmentor.comment.added.v1'))).toBe(true)
    expect(isOpenable(change('devmentor.task.deleted.v1'))).toBe(false)
    expect(isOpenable(change('devmentor.project.updated.v1', null))).toBe(false)
  })
})

describe('a reply', () => {
  it('leads to what it refers to and to nothing it only looks like', () => {
    const references = [
      { type: 'task', id: 't1', ref: 'KEY-1' },
      { type: 'task', id: 't12', ref: 'KEY-12' },
      { type: 'project', id: 'p1', ref: 'KEY' },
    ]
    const text = 'KEY-12, then (KEY-1); not KEY-123, MONKEY-1, KEY-1a or UTF-8. KEY: https://x.test/KEY-1'
    const pieces = linkReply(text, references, 'p1')
    expect(pieces.map((piece) => piece.text).join('')).toBe(text)
    expect(pieces.filter((piece) => piece.href).map((piece) => [piece.text, piece.href])).toEqual([
      ['KEY-12', '/projects/p1/tasks/t12'],
      ['KEY-1', '/projects/p1/tasks/t1'],
      ['KEY', '/projects/p1'],
      ['https://x.test/KEY-1', 'https://x.test/KEY-1'],
    ])
    expect(linkReply('KEY-1', [], 'p1')).toEqual([{ text: 'KEY-1', href: null }])
  })
})

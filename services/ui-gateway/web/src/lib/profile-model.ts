import type { LearningProfile as Profile, MentorReply } from './api-types'

/** How a reply is written: a choice for each dimension, such as `verbosity: concise`. */
export type Style = MentorReply['style']

/** A reply was chosen by a newer profile than the one before it. */
export interface Adaptation {
  message_id: string
  profile_version: number
  previous_version: number
}

const HELD_MAX = 20

/**
 * What is known of one person's profile. Answers and events overtake each other, so it goes by the
 * version: only forward.
 */
export class ProfileModel {
  #held: Profile[] = []

  get current(): Profile | null {
    return this.#held.at(-1) ?? null
  }

  get previous(): Profile | null {
    return this.#held.at(-2) ?? null
  }

  /** False when it is not newer than what is known. */
  take(profile: Profile): boolean {
    if (this.current !== null && profile.version <= this.current.version) return false
    this.#held = [...this.#held, profile].slice(-HELD_MAX)
    return true
  }

  at(version: number): Profile | null {
    return this.#held.find((profile) => profile.version === version) ?? null
  }
}

export function isProfile(data: unknown): data is Profile {
  if (typeof data !== 'object' || data === null) return false
  const { version, style } = data as Partial<Profile>
  return typeof version === 'number' && typeof style === 'object' && style !== null
}

export function isAdaptation(data: unknown): data is Adaptation {
  if (typeof data !== 'object' || data === null) return false
  const { profile_version, previous_version } = data as Partial<Adaptation>
  return typeof profile_version === 'number' && typeof previous_version === 'number'
}

// As they are shown; what came later than this page follows as the server names it.
const DIMENSIONS: Record<string, string[]> = {
  verbosity: ['concise', 'detailed'],
  form: ['steps', 'example', 'explanation'],
  tone: ['direct', 'supportive'],
}

export interface Bar {
  choice: string
  probability: number
  /** How far it went up or down with the last change; 0 when that is not known. */
  moved: number
}

export interface Dimension {
  name: string
  bars: Bar[]
}

export function dimensionsOf(profile: Profile, previous: Profile | null): Dimension[] {
  return inOrder(Object.keys(profile.style), Object.keys(DIMENSIONS)).map((name) => {
    const choices = profile.style[name] ?? {}
    const before = previous?.style[name] ?? {}
    return {
      name,
      bars: inOrder(Object.keys(choices), DIMENSIONS[name] ?? []).map((choice) => {
        const probability = choices[choice] ?? 0
        return { choice, probability, moved: probability - (before[choice] ?? probability) }
      }),
    }
  })
}

/** Why a reply is as it is: what was drawn, and how likely that was; null where that is not known. */
export function reasonsOf(style: Style, profile: Profile | null): { name: string; choice: string; probability: number | null }[] {
  return inOrder(Object.keys(style), Object.keys(DIMENSIONS)).map((name) => {
    const choice = style[name] ?? ''
    return { name, choice, probability: profile?.style[name]?.[choice] ?? null }
  })
}

function inOrder(names: string[], order: string[]): string[] {
  return [...order.filter((name) => names.includes(name)), ...names.filter((name) => !order.includes(name)).sort()]
}

const percent = new Intl.NumberFormat('en', { style: 'percent', maximumFractionDigits: 1 })
const points = new Intl.NumberFormat('en', { signDisplay: 'exceptZero', maximumFractionDigits: 1 })

/** With a decimal, as one rating moves a profile by little. */
export const percentText = (probability: number) => percent.format(probability)

/** `+3.1`, in points of a hundred; empty when it is too little to be seen. */
export function movedText(moved: number): string {
  const text = points.format(moved * 100)
  return text === '0' ? '' : text
}

export const ratingText = (average: number) => average.toFixed(1)

export const named = (name: string) => name.charAt(0).toUpperCase() + name.slice(1).replaceAll('_', ' ')

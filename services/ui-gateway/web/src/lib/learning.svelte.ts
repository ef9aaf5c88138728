import { api, errorText } from './api'
import { connection } from './connection.svelte'
import type { LearningProfile as Profile } from './api-types'
import type { LiveEvent } from './live-event'
import type { Adaptation } from './profile-model'
import { announce } from './notices.svelte'
import { isAdaptation, isProfile, ProfileModel } from './profile-model'

// What the mentor has learned of who is signed in: read when somebody looks, and moved by the events
// of their own topic from then on and before.

let model = new ProfileModel()
let profile = $state.raw<Profile | null>(null)
let adaptation = $state.raw<Adaptation | null>(null)
let problem = $state('')
/** Somebody looks or has looked, so it is kept up to date. */
let wanted = false
let leave = () => {}

export const learning = {
  get profile() {
    return profile
  },
  get previous() {
    return profile && model.previous
  },
  get version() {
    return profile?.version ?? 0
  },
  /** The last time that a newer profile chose how to reply. */
  get adaptation() {
    return adaptation
  },
  /** Why the profile could not be read. */
  get problem() {
    return problem
  },
  /** The profile as it was at this version, where that was seen. */
  at(version: number): Profile | null {
    return profile && model.at(version)
  },
  /** Someone looks. */
  want(): void {
    if (wanted && profile !== null) return
    wanted = true
    void read()
  },
  follow(userId: string): void {
    leave = connection.subscribe(`user:${userId}`, {
      subscribed: (snapshot) => {
        if (snapshot && wanted) void read()
      },
      event: receive,
      refused: () => {},
    })
  },
  /** Nothing of it stays for who signs in next. */
  leave(): void {
    leave()
    leave = () => {}
    model = new ProfileModel()
    profile = adaptation = null
    problem = ''
    wanted = false
  },
}

async function read(): Promise<void> {
  const into = model
  problem = ''
  try {
    const answer = await api.profile()
    if (into === model) take(answer)
  } catch (error) {
    if (into === model) problem = errorText(error)
  }
}

function receive(event: LiveEvent): void {
  if (event.type === 'devmentor.learning.profile.updated.v1' && isProfile(event.data)) {
    if (take(event.data)) announce(`Your profile moved to version ${event.data.version}`)
  } else if (event.type === 'devmentor.mentor.adapted.v1' && isAdaptation(event.data)) {
    adaptation = event.data
  }
}

function take(next: Profile): boolean {
  const moved = model.take(next)
  profile = model.current
  if (moved) problem = ''
  return moved
}

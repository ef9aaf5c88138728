import { account } from './account-api'
import { ApiError } from './api'
import { Submission } from './submission.svelte'
import type { User } from './api-types'

/**
 * Proves an address by the link of an email, and by what shows whose account it is: being signed in to it,
 * or its password. An address that was never proven may also take over what somebody else made with it.
 */
export class AddressProof {
  readonly form = new Submission()
  #token: string
  #reread: () => Promise<User>
  #done = $state(false)
  #foreign = $state(false)
  #byPassword = $state(false)

  /** `reread` asks the server who is signed in. */
  constructor(token: string, reread: () => Promise<User>) {
    this.#token = token
    this.#reread = reread
  }

  get done(): boolean {
    return this.#done
  }
  /** It is about another account than the one that is signed in here. */
  get foreign(): boolean {
    return this.#foreign
  }
  /** The link is over. With a password it may also be that which was wrong. */
  get spent(): boolean {
    return !this.#byPassword && this.form.refusal?.code === 'invalid_credentials'
  }

  isAboutAnother = (): void => {
    this.#foreign = true
    this.form.clear()
  }

  async bySession(user: User): Promise<void> {
    this.#byPassword = false
    // For the server a session that is over is none, and it would end all that is there.
    if ((await this.#reread()).id !== user.id) return
    try {
      await account.verifyEmail(this.#token)
    } catch (error) {
      if (!(error instanceof ApiError && error.code === 'reauthentication_required')) throw error
      this.#foreign = true
      return
    }
    this.#done = true
    await this.#reread()
  }

  async byPassword(password: string): Promise<void> {
    this.#byPassword = true
    await account.verifyEmail(this.#token, { password })
    this.#done = true
  }

  async takeOver(newPassword: string): Promise<void> {
    this.#byPassword = false
    await account.verifyEmail(this.#token, { new_password: newPassword })
  }
}

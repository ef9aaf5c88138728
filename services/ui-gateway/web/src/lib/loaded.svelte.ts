import { errorText } from './api'

/** Something that is read from the server for a page: not there yet, there, or not to be had. */
export class Loaded<T> {
  #read: () => Promise<T>
  #value = $state.raw<T | null>(null)
  #problem = $state('')

  constructor(read: () => Promise<T>) {
    this.#read = read
    void this.load()
  }

  get value(): T | null {
    return this.#value
  }
  set value(value: T | null) {
    this.#value = value
  }
  get problem(): string {
    return this.#problem
  }

  load = async (): Promise<void> => {
    this.#problem = ''
    try {
      this.#value = await this.#read()
    } catch (error) {
      this.#problem = errorText(error)
    }
  }
}

import type { MemberId } from '../raft/types.ts'

/** What `sessionStorage` is used for here. */
export type TabStorage = Pick<Storage, 'getItem' | 'setItem'>

export interface RememberedMember {
  readonly member: MemberId
  /** The page that hosted it said that it ends, so whatever the member's lock waits for is nearly over. */
  readonly released: boolean
}

/**
 * Which member this tab hosted, for the page after a reload. The browser copies a tab's storage when the tab is duplicated;
 * such a copy is told from a reload by `released`, which is set only between the end of one page and the start of the next.
 */
export class LastMember {
  readonly #storage: TabStorage | null
  readonly #name: string

  /** Without storage nothing is remembered: a reload then resumes the member if its lock is free, and is new if not. */
  constructor(storage: TabStorage | null, clusterId: string) {
    this.#storage = storage
    this.#name = `flotilla/${clusterId}`
  }

  /** What is remembered; from now on it counts as hosted again. */
  take(): RememberedMember | null {
    const remembered = this.#read()
    if (remembered?.released) this.remember(remembered.member)
    return remembered
  }

  remember(member: MemberId): void {
    this.#write({ member, released: false })
  }

  release(): void {
    const remembered = this.#read()
    if (remembered !== null) this.#write({ ...remembered, released: true })
  }

  #read(): RememberedMember | null {
    try {
      const { member, released } = JSON.parse(this.#storage?.getItem(this.#name) ?? '{}')
      return Number.isSafeInteger(member) ? { member, released: released === true } : null
    } catch {
      return null
    }
  }

  #write(remembered: RememberedMember): void {
    try {
      this.#storage?.setItem(this.#name, JSON.stringify(remembered))
    } catch {
      // Full: as good as not there.
    }
  }
}

/** This tab's storage, or null where the page may not have any: asking is then already an error. */
export function tabStorage(): TabStorage | null {
  try {
    return sessionStorage
  } catch {
    return null
  }
}

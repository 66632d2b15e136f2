/** One call of one client: what it asked, what it was answered, and when. `Operation` holds the answer, too. */
export interface Call<Operation> {
  readonly operation: Operation
  /** Places in the one order of all invocations and returns. No two events share one. */
  readonly invoked: number
  /** Null for an open call: it was never answered, and may take effect at any time after its invocation, or never. */
  readonly returned: number | null
  /** Where in the order of effects to look for this call first; null if nobody can say. A wrong hint costs time and no more. */
  readonly hint: number | null
}

/** What the object would do if its operations came one by one. Pure functions: a state is never changed. */
export interface SequentialModel<State, Operation> {
  readonly initial: State
  /** The state after the operation, or null if in this state it could not have been answered as it was. */
  readonly step: (state: State, operation: Operation) => State | null
  /** Equal for two states if and only if nothing tells them apart. */
  readonly key: (state: State) => string
  /** Whether the operation leaves every state as it is. */
  readonly isRead: (operation: Operation) => boolean
  /** Equal for two operations only if `step` treats them alike in every state; null if this one is like no other. */
  readonly identity: (operation: Operation) => string | null
}

/** Puts another method in a class's place; returns what puts the first one back. */
export function replaceMethod<T extends object, K extends keyof T>(
  prototype: T,
  name: K,
  make: (original: T[K]) => T[K],
): () => void {
  const original = prototype[name]
  prototype[name] = make(original)
  return () => {
    prototype[name] = original
  }
}

/** The same for a getter, which is given the object and what the first one says of it. */
export function replaceGetter<T extends object, K extends keyof T & string>(
  prototype: T,
  name: K,
  get: (self: T, original: () => T[K]) => T[K],
): () => void {
  const original = Object.getOwnPropertyDescriptor(prototype, name)
  if (original?.get === undefined) throw new Error(`${name} is no getter`)
  const first: () => T[K] = original.get
  Object.defineProperty(prototype, name, {
    ...original,
    get(this: T): T[K] {
      return get(this, () => first.call(this))
    },
  })
  return () => Object.defineProperty(prototype, name, original)
}

/** Several at once, undone the other way round. */
export function all(...undo: readonly (() => void)[]): () => void {
  return () => {
    for (const step of [...undo].reverse()) step()
  }
}

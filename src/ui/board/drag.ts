import type { Place } from '../desk.ts'

/**
 * Dragging cards with mouse, pen or finger.
 *
 * Our own, because the libraries at hand take over the array that is painted, and ours is the committed state, which others
 * change while someone drags. So nothing here knows about cards but what the page shows at this moment: `data-card` elements
 * in `data-list` elements. All it does in the end is to name a card and a place.
 */
export interface DragListener {
  /** Where the card would go if it were dropped now; null when nothing is dragged. */
  hover(drag: { readonly card: string; readonly place: Place | null } | null): void
  drop(card: string, place: Place): void
}

type Phase =
  | { readonly kind: 'idle' }
  | { readonly kind: 'pressed'; readonly press: Press; readonly timer: ReturnType<typeof setTimeout> | null }
  | {
      readonly kind: 'dragging'
      readonly press: Press
      readonly ghost: HTMLElement
      place: Place | null
      frame: number
    }

interface Press {
  readonly pointer: number
  readonly touch: boolean
  readonly element: HTMLElement
  readonly card: string
  readonly x: number
  readonly y: number
}

/** Movement that turns a press into a drag, pixels; below it is a click. */
const slopPx = 6
/** A finger that moves at once scrolls; one that rests this long picks the card up. */
const longPressMs = 280
/** Distance from an edge within which the board and its lists scroll along, and their top speed. */
const scrollZonePx = 56
const scrollPxPerFrame = 14

/** A Svelte attachment for the element that holds all lists. */
export function cardDragging(listener: DragListener): (board: HTMLElement) => () => void {
  return board => {
    let phase: Phase = { kind: 'idle' }
    let x = 0
    let y = 0

    function onPointerDown(event: PointerEvent) {
      if (phase.kind !== 'idle' || event.button !== 0 || !event.isPrimary || !(event.target instanceof Element)) return
      const element = event.target.closest<HTMLElement>('[data-card]')
      const card = element?.dataset.card
      if (!element || card === undefined || event.target.closest('[data-no-drag]')) return
      const touch = event.pointerType === 'touch'
      const press = { pointer: event.pointerId, touch, element, card, x: event.clientX, y: event.clientY }
      ;({ x, y } = press)
      phase = { kind: 'pressed', press, timer: touch ? setTimeout(() => begin(press), longPressMs) : null }
    }

    function onPointerMove(event: PointerEvent) {
      if (phase.kind === 'idle' || event.pointerId !== phase.press.pointer) return
      x = event.clientX
      y = event.clientY
      if (phase.kind === 'dragging' || Math.hypot(x - phase.press.x, y - phase.press.y) < slopPx) return
      if (phase.press.touch) end()
      else begin(phase.press)
    }

    function onPointerUp(event: PointerEvent) {
      if (phase.kind === 'idle' || event.pointerId !== phase.press.pointer) return
      if (phase.kind === 'dragging') {
        follow(phase)
        const { press, place } = phase
        swallowClick()
        end()
        if (place) listener.drop(press.card, place)
      } else end()
    }

    function begin(press: Press) {
      const box = press.element.getBoundingClientRect()
      const ghost = press.element.cloneNode(true)
      if (!(ghost instanceof HTMLElement)) return
      ghost.removeAttribute('data-card')
      ghost.classList.add('ghost')
      ghost.setAttribute('aria-hidden', 'true')
      ghost.inert = true
      Object.assign(ghost.style, { width: `${box.width}px`, left: `${box.left}px`, top: `${box.top}px` })
      document.body.append(ghost)
      phase = { kind: 'dragging', press, ghost, place: null, frame: 0 }
      getSelection()?.removeAllRanges()
      if (press.touch) navigator.vibrate?.(10)
      step()
    }

    /** Every frame, and not only when the pointer moves: the lists may scroll or change under a resting pointer. */
    function step() {
      if (phase.kind !== 'dragging') return
      const dragging = phase
      follow(dragging)
      dragging.frame = requestAnimationFrame(step)
    }

    function follow(dragging: Extract<Phase, { kind: 'dragging' }>) {
      const { press, ghost } = dragging
      ghost.style.translate = `${x - press.x}px ${y - press.y}px`
      const list = document.elementFromPoint(x, y)?.closest<HTMLElement>('[data-list]') ?? null
      scroll(board, x, y, 'x')
      const scroller = list?.querySelector<HTMLElement>('[data-scroller]')
      if (scroller) scroll(scroller, x, y, 'y')
      const place = list ? placeIn(list, press.card, y) : null
      if (place?.list === dragging.place?.list && place?.index === dragging.place?.index) return
      dragging.place = place
      listener.hover({ card: press.card, place })
    }

    function end() {
      if (phase.kind === 'pressed' && phase.timer !== null) clearTimeout(phase.timer)
      if (phase.kind === 'dragging') {
        cancelAnimationFrame(phase.frame)
        phase.ghost.remove()
        listener.hover(null)
      }
      phase = { kind: 'idle' }
    }

    function onKeyDown(event: KeyboardEvent) {
      if (event.key === 'Escape' && phase.kind === 'dragging') end()
    }

    /** While a card is carried the finger must not scroll, nor open the browser's menu, nor the mouse select text. */
    function holdStill(event: Event) {
      if (
        phase.kind === 'dragging' ||
        (event.type === 'contextmenu' && phase.kind === 'pressed' && phase.press.touch)
      ) {
        event.preventDefault()
      }
    }

    const off = new AbortController()
    const { signal } = off
    board.addEventListener('pointerdown', onPointerDown, { signal })
    addEventListener('pointermove', onPointerMove, { signal })
    addEventListener('pointerup', onPointerUp, { signal })
    addEventListener('pointercancel', end, { signal })
    addEventListener('blur', end, { signal })
    addEventListener('keydown', onKeyDown, { signal })
    addEventListener('touchmove', holdStill, { signal, passive: false })
    addEventListener('contextmenu', holdStill, { signal })
    addEventListener('selectstart', holdStill, { signal })
    return () => {
      off.abort()
      end()
    }
  }
}

/** The place in `list` that the pointer is over: before the first card whose middle is below it. */
function placeIn(list: HTMLElement, dragged: string, y: number): Place | null {
  const id = list.dataset.list
  if (id === undefined) return null
  const others = [...list.querySelectorAll<HTMLElement>('[data-card]')].filter(
    ({ dataset }) => dataset.card !== dragged,
  )
  const below = others.findIndex(other => {
    const { top, height } = other.getBoundingClientRect()
    return y < top + height / 2
  })
  return { list: id, index: below === -1 ? others.length : below }
}

function scroll(element: HTMLElement, x: number, y: number, axis: 'x' | 'y') {
  const box = element.getBoundingClientRect()
  const [at, start, end] = axis === 'x' ? [x, box.left, box.right] : [y, box.top, box.bottom]
  const pull = at < start + scrollZonePx ? at - start - scrollZonePx : Math.max(0, at - end + scrollZonePx)
  const by = Math.max(-1, Math.min(1, pull / scrollZonePx)) * scrollPxPerFrame
  if (by !== 0) element.scrollBy(axis === 'x' ? by : 0, axis === 'y' ? by : 0)
}

/** The click that follows a drag is not a click. It comes in the same task or never. */
function swallowClick() {
  const off = new AbortController()
  const swallow = (event: Event) => {
    event.stopPropagation()
    event.preventDefault()
  }
  addEventListener('click', swallow, { capture: true, signal: off.signal })
  setTimeout(() => off.abort())
}

/** What waits under an id; the id is given to it here. */
export interface Numbered {
  /** 0 until it waits here. */
  id: number
}

const FIRST_PLACES = 64
const MAX_ID = 0xffff_ffff

/**
 * Requests on their way, by id. Ids count up, and their low bits are the place: a Map that is filled and emptied all the time
 * makes itself anew every few dozen requests, and each of its tables keeps the next one, and what stood there, from the collector.
 */
export class Pending<T extends Numbered> {
  #places: (T | undefined)[] = new Array<T | undefined>(FIRST_PLACES).fill(undefined)
  #lastId: number
  #size = 0

  constructor(lastId = 0) {
    this.#lastId = lastId
  }

  get size(): number {
    return this.#size
  }

  /** Gives it an id that nothing here has. */
  add(item: T): void {
    if (this.#size === this.#places.length) this.#grow()
    let id = this.#lastId
    do id = id === MAX_ID ? 1 : id + 1
    while (this.#places[this.#placeOf(id)] !== undefined)
    this.#lastId = id
    item.id = id
    this.#places[this.#placeOf(id)] = item
    this.#size++
  }

  get(id: number): T | undefined {
    const item = this.#places[this.#placeOf(id)]
    return item?.id === id ? item : undefined
  }

  /** Harmless if it is not there. */
  delete(item: T): void {
    const place = this.#placeOf(item.id)
    if (this.#places[place] !== item) return
    this.#places[place] = undefined
    this.#size--
  }

  all(): readonly T[] {
    return this.#places.filter((item) => item !== undefined)
  }

  #placeOf(id: number): number {
    return id & (this.#places.length - 1)
  }
  /** Ids that differ in a place differ in twice as many. */
  #grow(): void {
    const items = this.all()
    this.#places = new Array<T | undefined>(2 * this.#places.length).fill(undefined)
    for (const item of items) this.#places[this.#placeOf(item.id)] = item
  }
}

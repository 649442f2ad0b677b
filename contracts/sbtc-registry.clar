;; Signer registry: the sbtc-registry interface of the signer set, and nothing else of that contract.
;; Facts: spec "The registry contract". Only the governance contract may write; anyone may read.

(define-constant ERR_UNAUTHORIZED (err u400))
(define-constant ERR_AGGREGATE_KEY_REPLAY (err u402))

;; u0, an empty list and one zero byte say "not initialised" (R6): no set was ever written.
(define-data-var current-signature-threshold uint u0)
(define-data-var current-signer-set (list 128 (buff 33)) (list))
(define-data-var current-aggregate-pubkey (buff 33) 0x00)
;; The first rotation is sent by whoever deployed this contract (R6).
(define-data-var current-signer-principal principal tx-sender)

;; An aggregate key, once used, never comes back: an old group's shares must not regain power.
(define-map aggregate-pubkeys (buff 33) bool)

;; All four at one block; separate reads could straddle a rotation.
(define-read-only (get-current-signer-data)
  {
    current-signer-set: (var-get current-signer-set),
    current-aggregate-pubkey: (var-get current-aggregate-pubkey),
    current-signer-principal: (var-get current-signer-principal),
    current-signature-threshold: (var-get current-signature-threshold)
  })

(define-read-only (get-current-signer-set)
  (var-get current-signer-set))

(define-read-only (get-current-aggregate-pubkey)
  (var-get current-aggregate-pubkey))

(define-read-only (get-current-signer-principal)
  (var-get current-signer-principal))

;; Governance: the bootstrap contract of the same deployer, as the direct caller. A user who is tx-sender through
;; another contract has no say here.
(define-private (is-governance)
  (is-eq contract-caller .sbtc-bootstrap-signers))

(define-public (rotate-keys
    (new-keys (list 128 (buff 33)))
    (new-address principal)
    (new-aggregate-pubkey (buff 33))
    (new-signature-threshold uint))
  (begin
    (asserts! (is-governance) ERR_UNAUTHORIZED)
    (asserts! (map-insert aggregate-pubkeys new-aggregate-pubkey true) ERR_AGGREGATE_KEY_REPLAY)
    (var-set current-signer-set new-keys)
    (var-set current-signer-principal new-address)
    (var-set current-aggregate-pubkey new-aggregate-pubkey)
    (var-set current-signature-threshold new-signature-threshold)
    (print {
      topic: "key-rotation",
      new-keys: new-keys,
      new-address: new-address,
      new-aggregate-pubkey: new-aggregate-pubkey,
      new-signature-threshold: new-signature-threshold
    })
    (ok true)))

package web

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Cost of a password's hash: 64 MiB and three passes, one lane, as RFC 9106
// recommends where memory is scarce.
const (
	argonMemory = 64 << 10 // KiB
	argonPasses = 3
	argonLanes  = 1
	argonLength = 32
)

// MinPassword is the shortest password accepted, in bytes.
const MinPassword = 10

// ErrPassword says that a new password is too short.
var ErrPassword = fmt.Errorf("password: want at least %d characters", MinPassword)

// hashing bounds how many hashes are computed at once, since strangers can ask
// for them: two need 128 MiB.
var hashing = make(chan struct{}, 2)

// HashPassword hashes a new password with argon2id, in the usual PHC form.
func HashPassword(password string) (string, error) {
	if len(password) < MinPassword {
		return "", ErrPassword
	}
	salt := make([]byte, 16)
	rand.Read(salt)
	sum := argon(password, salt, argonMemory, argonPasses, argonLanes)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonPasses, argonLanes,
		b64.EncodeToString(salt), b64.EncodeToString(sum)), nil
}

func argon(password string, salt []byte, memory, passes uint32, lanes uint8) []byte {
	hashing <- struct{}{}
	defer func() { <-hashing }()
	return argon2.IDKey([]byte(password), salt, passes, memory, lanes, argonLength)
}

var errHash = errors.New("stored password hash is damaged: set a new password with user add")

func checkPassword(hash, password string) (bool, error) {
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false, errHash
	}
	var memory, passes uint32
	var lanes uint8
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &passes, &lanes); err != nil {
		return false, errHash
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false, errHash
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || len(want) != argonLength || passes == 0 || lanes == 0 {
		return false, errHash
	}
	return subtle.ConstantTimeCompare(argon(password, salt, memory, passes, lanes), want) == 1, nil
}

// nobodysHash is checked for names that do not exist, so that a wrong name takes
// as long as a wrong password. It is the hash of a random text nobody has.
var nobodysHash = func() string {
	b64 := base64.RawStdEncoding
	salt, sum := make([]byte, 16), make([]byte, argonLength)
	rand.Read(salt)
	rand.Read(sum)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonPasses, argonLanes,
		b64.EncodeToString(salt), b64.EncodeToString(sum))
}()

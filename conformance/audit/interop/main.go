// Command interop verifies a copy of a log, and a receipt, with an implementation of the C2SP formats that is not Ostiary's:
// golang.org/x/mod/sumdb (tlog, note) and github.com/transparency-dev/formats (cosignatures).
//
//	interop <policy> <folder of the log> [<receipt> <entry>]
//
// Every witness of the policy must have cosigned. <entry> holds the exact bytes of the entry that the receipt is for.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	cosigned "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const tileWidth = 256

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 && len(args) != 4 {
		return errors.New("usage: interop <policy> <folder of the log> [<receipt> <entry>]")
	}
	verifiers, err := readPolicy(args[0])
	if err != nil {
		return err
	}
	checkpoint, err := os.ReadFile(filepath.Join(args[1], "checkpoint.witnessed"))
	if err != nil {
		return err
	}
	tree, err := open(checkpoint, verifiers)
	if err != nil {
		return err
	}
	if err := checkLog(args[1], tree); err != nil {
		return err
	}
	fmt.Printf("ok: %d entries, %d cosignatures", tree.N, len(verifiers)-1)
	if len(args) == 4 {
		index, err := checkReceipt(args[2], args[3], verifiers)
		if err != nil {
			return err
		}
		fmt.Printf(", receipt of entry %d", index)
	}
	fmt.Println()
	return nil
}

// readPolicy reads the keys of a policy with one log. Its quorum is not evaluated here: all witnesses are wanted.
func readPolicy(path string) ([]note.Verifier, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var verifiers []note.Verifier
	for _, line := range strings.Split(string(text), "\n") {
		words := strings.Fields(line)
		var verifier note.Verifier
		switch {
		case len(words) >= 2 && words[0] == "log":
			verifier, err = note.NewVerifier(words[1])
		case len(words) >= 3 && words[0] == "witness":
			verifier, err = cosigned.NewVerifierForCosignatureV1(words[2])
		default:
			continue
		}
		if err != nil {
			return nil, err
		}
		verifiers = append(verifiers, verifier)
	}
	return verifiers, nil
}

// open opens a checkpoint that the log and every witness signed.
func open(checkpoint []byte, verifiers []note.Verifier) (tlog.Tree, error) {
	opened, err := note.Open(checkpoint, note.VerifierList(verifiers...))
	if err != nil {
		return tlog.Tree{}, err
	}
	if len(opened.Sigs) != len(verifiers) {
		return tlog.Tree{}, fmt.Errorf("%d of %d signatures", len(opened.Sigs), len(verifiers))
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifiers[0].Name() {
		return tlog.Tree{}, errors.New("the checkpoint is of another log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

// checkLog recomputes the root from the entries, and compares the tiles of hashes with them.
func checkLog(dir string, tree tlog.Tree) error {
	var hashes []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		list := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			list[i] = hashes[index]
		}
		return list, nil
	})
	for start := int64(0); start < tree.N; start += tileWidth {
		width := min(tileWidth, tree.N-start)
		tile := tlog.Tile{H: 8, L: 0, N: start / tileWidth, W: int(width)}
		leaves, err := read(dir, tile)
		if err != nil {
			return err
		}
		tile.L = -1
		bundle, err := read(dir, tile)
		if err != nil {
			return err
		}
		for i := int64(0); i < width; i++ {
			if len(bundle) < 2 || len(bundle) < 2+int(binary.BigEndian.Uint16(bundle)) {
				return fmt.Errorf("entry %d: the bundle ends", start+i)
			}
			length := 2 + int(binary.BigEndian.Uint16(bundle))
			entry := bundle[2:length]
			bundle = bundle[length:]
			leaf := tlog.RecordHash(entry)
			if !bytes.Equal(leaf[:], leaves[i*tlog.HashSize:(i+1)*tlog.HashSize]) {
				return fmt.Errorf("entry %d: it is not the one that was hashed", start+i)
			}
			stored, err := tlog.StoredHashes(start+i, entry, reader)
			if err != nil {
				return err
			}
			hashes = append(hashes, stored...)
		}
	}
	root, err := tlog.TreeHash(tree.N, reader)
	if err != nil {
		return err
	}
	if root != tree.Hash {
		return errors.New("the entries do not hash to the witnessed root")
	}
	return nil
}

// read reads a tile by its name in c2sp.org/tlog-tiles, or the full one where the partial one is gone.
func read(dir string, tile tlog.Tile) ([]byte, error) {
	path := strings.TrimPrefix(tile.Path(), "tile/8/")
	path = strings.Replace(path, "data/", "entries/", 1)
	data, err := os.ReadFile(filepath.Join(dir, "tile", path))
	if os.IsNotExist(err) && tile.W < tileWidth {
		full, _, _ := strings.Cut(path, ".p/")
		return os.ReadFile(filepath.Join(dir, "tile", full))
	}
	return data, err
}

// checkReceipt checks a c2sp.org/tlog-proof.
func checkReceipt(receiptPath, entryPath string, verifiers []note.Verifier) (int64, error) {
	text, err := os.ReadFile(receiptPath)
	if err != nil {
		return 0, err
	}
	entry, err := os.ReadFile(entryPath)
	if err != nil {
		return 0, err
	}
	head, checkpoint, ok := strings.Cut(string(text), "\n\n")
	lines := strings.Split(head, "\n")
	if !ok || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return 0, errors.New("the receipt is malformed")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	if err != nil {
		return 0, err
	}
	var proof tlog.RecordProof
	for _, line := range lines[2:] {
		hash, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(hash) != tlog.HashSize {
			return 0, errors.New("the receipt is malformed")
		}
		proof = append(proof, tlog.Hash(hash))
	}
	tree, err := open([]byte(checkpoint), verifiers)
	if err != nil {
		return 0, err
	}
	return index, tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry))
}

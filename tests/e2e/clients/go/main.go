// SPDX-License-Identifier: Apache-2.0

// Fetch CA-FILE URL: prints "status N" or the error exactly as Go gives it.
// The proxy comes from HTTPS_PROXY, as in Container Security's own programs.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"time"
)

func fetch(caFile, url string) error {
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return fmt.Errorf("no certificate in %s", caFile)
	}
	config := &tls.Config{RootCAs: roots}
	// For a proxy that wants a certificate.
	if mine := os.Getenv("PROXY_CERT"); mine != "" {
		pair, err := tls.LoadX509KeyPair(mine, mine)
		if err != nil {
			return err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	client := &http.Client{
		Timeout: 30 * time.Second,
		Transport: &http.Transport{
			Proxy:           http.ProxyFromEnvironment,
			TLSClientConfig: config,
		},
	}
	answer, err := client.Get(url)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	fmt.Printf("status %d\n", answer.StatusCode)
	return nil
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: fetch CA-FILE URL")
		os.Exit(2)
	}
	if err := fetch(os.Args[1], os.Args[2]); err != nil {
		fmt.Printf("error: %v\n", err)
		os.Exit(1)
	}
}

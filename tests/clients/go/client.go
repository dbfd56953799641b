// Go clients: `client v2`, `client v1` or `client http`. One job a line, and one result a line.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"
	awsv1 "github.com/aws/aws-sdk-go/aws"
	"github.com/aws/aws-sdk-go/aws/client"
	"github.com/aws/aws-sdk-go/aws/session"
	oidcv1 "github.com/aws/aws-sdk-go/service/ssooidc"
	"github.com/aws/smithy-go/logging"
	"github.com/sirupsen/logrus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

type job struct {
	Operation, Region, Proxy, Path string
	Debug                          bool
	Timeout                        int
	Input                          json.RawMessage
}

// The result of a job.
type result struct {
	Skip   string            `json:"skip,omitempty"`
	Forms  map[string]string `json:"forms,omitempty"`
	Events map[string]string `json:"events,omitempty"`
}

var errOld = errors.New("not in this version")

func main() {
	call := map[string]func(job, io.Writer) error{"v2": callV2, "v1": callV1, "http": callHTTP}[os.Args[1]]
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var one job
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			log.Fatal(err)
		}
		var wire bytes.Buffer
		err := call(one, &wire)
		switch {
		case err == nil:
			out.Encode(result{})
		case err == errOld:
			out.Encode(result{Skip: err.Error()})
		default:
			out.Encode(result{Forms: forms(err), Events: map[string]string{"debug": wire.String()}})
		}
	}
}

func httpClient(one job) *http.Client {
	timeout := time.Duration(one.Timeout) * time.Second
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{Timeout: timeout}).DialContext
	transport.TLSHandshakeTimeout = timeout
	transport.ResponseHeaderTimeout = timeout
	if one.Proxy != "" {
		proxy, _ := url.Parse(one.Proxy)
		transport.Proxy = http.ProxyURL(proxy)
	}
	return &http.Client{Transport: transport}
}

func callV2(one job, wire io.Writer) error {
	options := ssooidc.Options{
		Region:     one.Region,
		HTTPClient: httpClient(one),
		Retryer:    retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = 20 * time.Millisecond }),
	}
	if one.Debug {
		options.Logger = logging.NewStandardLogger(wire)
		options.ClientLogMode = aws.LogRetries | aws.LogRequestWithBody | aws.LogResponseWithBody
	}
	oidc := ssooidc.New(options)
	ctx := context.Background()
	var err error
	switch one.Operation {
	case "RegisterClient":
		var in ssooidc.RegisterClientInput
		json.Unmarshal(one.Input, &in)
		_, err = oidc.RegisterClient(ctx, &in)
	case "StartDeviceAuthorization":
		var in ssooidc.StartDeviceAuthorizationInput
		json.Unmarshal(one.Input, &in)
		_, err = oidc.StartDeviceAuthorization(ctx, &in)
	case "CreateToken":
		var in ssooidc.CreateTokenInput
		json.Unmarshal(one.Input, &in)
		_, err = oidc.CreateToken(ctx, &in)
	default:
		err = errOld
	}
	return err
}

func callV1(one job, wire io.Writer) error {
	config := awsv1.NewConfig().WithRegion(one.Region).WithHTTPClient(httpClient(one))
	config.Retryer = client.DefaultRetryer{NumMaxRetries: 3, MaxRetryDelay: 20 * time.Millisecond, MaxThrottleDelay: 20 * time.Millisecond}
	if one.Debug {
		to := log.New(wire, "", log.LstdFlags)
		config.WithLogLevel(awsv1.LogDebugWithHTTPBody | awsv1.LogDebugWithRequestRetries | awsv1.LogDebugWithRequestErrors)
		config.WithLogger(awsv1.LoggerFunc(func(values ...interface{}) { to.Println(values...) }))
	}
	oidc := oidcv1.New(session.Must(session.NewSession()), config)
	var err error
	switch one.Operation {
	case "RegisterClient":
		var in oidcv1.RegisterClientInput
		json.Unmarshal(one.Input, &in)
		_, err = oidc.RegisterClient(&in)
	case "StartDeviceAuthorization":
		var in oidcv1.StartDeviceAuthorizationInput
		json.Unmarshal(one.Input, &in)
		_, err = oidc.StartDeviceAuthorization(&in)
	case "CreateToken":
		var in oidcv1.CreateTokenInput
		json.Unmarshal(one.Input, &in)
		_, err = oidc.CreateToken(&in)
	default:
		err = errOld
	}
	return err
}

func callHTTP(one job, _ io.Writer) error {
	response, err := httpClient(one).Post(fmt.Sprintf("https://oidc.%s.amazonaws.com%s", one.Region, one.Path),
		"application/json", bytes.NewReader(one.Input))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	if response.StatusCode >= 400 {
		return fmt.Errorf("POST %s: unexpected status %s: %s", response.Request.URL, response.Status, body)
	}
	return nil
}

func forms(err error) map[string]string {
	standard := written(func(to io.Writer) {
		log.New(to, "", log.LstdFlags).Printf("failed to refresh cached SSO token: %v", err)
	})
	prefixed := written(func(to io.Writer) {
		log.New(to, "signin: ", log.LstdFlags|log.Lmicroseconds|log.Lshortfile|log.Lmsgprefix).Println("sign-in failed:", err)
	})
	rusText := written(func(to io.Writer) {
		logger := logrus.New()
		logger.SetOutput(to)
		logger.WithError(err).WithField("user", "jdoe").Error("sign-in failed")
	})
	rusJSON := written(func(to io.Writer) {
		logger := logrus.New()
		logger.SetOutput(to)
		logger.SetFormatter(&logrus.JSONFormatter{})
		logger.WithError(err).Error("sign-in failed")
	})
	zapJSON := written(func(to io.Writer) {
		core := zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(to), zap.InfoLevel)
		zap.New(core, zap.AddCaller()).Error("sign-in failed", zap.Error(err))
	})
	zapText := written(func(to io.Writer) {
		core := zapcore.NewCore(zapcore.NewConsoleEncoder(zap.NewDevelopmentEncoderConfig()), zapcore.AddSync(to), zap.InfoLevel)
		zap.New(core, zap.AddCaller()).Error("sign-in failed", zap.Error(err))
	})
	return map[string]string{
		"message": err.Error(),
		"%+v":     fmt.Sprintf("%+v", err),
		"%#v":     fmt.Sprintf("%#v", err),
		"%q":      fmt.Sprintf("%q", err),
		"wrapped": fmt.Errorf("get credentials: %w", fmt.Errorf("refresh token: %w", err)).Error(),
		"log":     standard, "log-prefix": prefixed,
		"logrus": rusText, "logrus-json": rusJSON,
		"zap": zapText, "zap-json": zapJSON,
	}
}

func written(to func(io.Writer)) string {
	var text bytes.Buffer
	to(&text)
	return text.String()
}
